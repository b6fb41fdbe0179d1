//! Loops that run as AVX2 code where the processor has it.

/// Defines functions with two versions of their code, chosen when they are called. Products may be
/// fused with sums only where `mul_add` says so.
macro_rules! vectorised {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident $(<$t:ident: $bound:ident>)? (
        $($arg:ident: $ty:ty),* $(,)?
    ) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$doc])*
        $vis fn $name $(<$t: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body $(<$t: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma"))]
            unsafe fn fast $(<$t: $bound>)? ($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
            if gradus_cpu::has_avx2() {
                // SAFETY: the processor has these instructions.
                unsafe { fast($($arg),*) }
            } else {
                body($($arg),*)
            }
        }
    )*};
}
pub(crate) use vectorised;
