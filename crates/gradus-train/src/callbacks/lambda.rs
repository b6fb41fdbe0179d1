//! Closures as callbacks.

use gradus_tensor::Result;

use crate::callback::Callback;
use crate::context::Context;

type Hook<'a> = Box<dyn FnMut(&mut Context<'_>) -> Result<()> + 'a>;

/// Closures that are called as a callback is. Keras: `LambdaCallback`.
///
/// ```
/// use gradus_train::Lambda;
/// let mut losses = Vec::new();
/// let lambda = Lambda::new().on_epoch_end(|cx| {
///     losses.push(cx.logs().get("loss"));
///     Ok(())
/// });
/// # drop(lambda);
/// assert!(losses.is_empty(), "no training has run");
/// ```
#[derive(Default)]
pub struct Lambda<'a> {
    train_begin: Option<Hook<'a>>,
    train_end: Option<Hook<'a>>,
    epoch_begin: Option<Hook<'a>>,
    epoch_end: Option<Hook<'a>>,
    train_batch_begin: Option<Hook<'a>>,
    train_batch_end: Option<Hook<'a>>,
    test_end: Option<Hook<'a>>,
}

macro_rules! hooks {
    ($($(#[doc = $doc:expr])* $field:ident $name:ident;)*) => {
        impl<'a> Lambda<'a> {
            /// No closures yet.
            pub fn new() -> Self {
                Lambda::default()
            }
            $(
                $(#[doc = $doc])*
                #[must_use]
                pub fn $name(
                    mut self,
                    hook: impl FnMut(&mut Context<'_>) -> Result<()> + 'a,
                ) -> Self {
                    self.$field = Some(Box::new(hook));
                    self
                }
            )*
        }

        impl Callback for Lambda<'_> {
            fn name(&self) -> &'static str {
                "lambda"
            }
            $(
                fn $name(&mut self, cx: &mut Context<'_>) -> Result<()> {
                    self.$field.as_mut().map_or(Ok(()), |hook| hook(cx))
                }
            )*
        }
    };
}
hooks! {
    #[doc = "Before the first epoch."]
    train_begin on_train_begin;
    #[doc = "After the last epoch."]
    train_end on_train_end;
    #[doc = "Before the first batch of an epoch."]
    epoch_begin on_epoch_begin;
    #[doc = "After an epoch and its validation."]
    epoch_end on_epoch_end;
    #[doc = "Before a training step."]
    train_batch_begin on_train_batch_begin;
    #[doc = "After a training step."]
    train_batch_end on_train_batch_end;
    #[doc = "After validation or evaluation."]
    test_end on_test_end;
}
