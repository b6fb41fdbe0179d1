//! From the struct's tokens to its `Visit` and `Module` implementations.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Member, Path, Result,
};

/// The implementations, or the compile error.
pub(crate) fn expand(input: TokenStream, home: &str) -> TokenStream {
    syn::parse2::<DeriveInput>(input)
        .and_then(|input| implementations(&input, home))
        .unwrap_or_else(Error::into_compile_error)
}

/// What `#[module(…)]` asks for on a field.
#[derive(Default)]
struct Options {
    skip: bool,
    flatten: bool,
    rename: Option<String>,
}

fn implementations(input: &DeriveInput, home: &str) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return Err(not_a_struct(data.enum_token.span())),
        Data::Union(data) => return Err(not_a_struct(data.union_token.span())),
    };
    let krate = home_crate(&input.attrs, home)?;
    let name = &input.ident;
    let kind = name.unraw().to_string();
    let (visits, bounds) = visits(input, fields, &krate)?;
    let (impl_generics, type_generics, own) = input.generics.split_for_impl();
    let own = own.map(|clause| clause.predicates.iter()).into_iter().flatten();
    let clause = quote! { where #(#own,)* #(#bounds,)* };
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Visit for #name #type_generics #clause {
            fn visit(&self, visitor: &mut #krate::Visitor<'_>) {
                visitor.part(#krate::Part::Module(#kind));
                #(#visits)*
            }
        }
        #[automatically_derived]
        impl #impl_generics #krate::Module for #name #type_generics #clause {}
    })
}

fn not_a_struct(span: proc_macro2::Span) -> Error {
    Error::new(span, "`Module` can be derived for structs only: put the choice into a struct")
}

/// The visit of every field, and the bounds that generic ones need.
fn visits(
    input: &DeriveInput,
    fields: &Fields,
    krate: &Path,
) -> Result<(Vec<TokenStream>, Vec<TokenStream>)> {
    let generics: Vec<&Ident> = input.generics.type_params().map(|p| &p.ident).collect();
    let (mut visits, mut bounds) = (Vec::new(), Vec::new());
    for (field, member) in fields.iter().zip(fields.members()) {
        let options = Options::of(field)?;
        if options.skip {
            continue;
        }
        let ty = &field.ty;
        let used: Vec<&&Ident> = generics.iter().filter(|g| mentions(ty, g)).collect();
        if mentions(ty, &input.ident) {
            // A bound on the whole type would go round in circles.
            bounds.extend(used.iter().map(|param| quote! { #param: #krate::Visit }));
        } else if !used.is_empty() {
            bounds.push(quote! { #ty: #krate::Visit });
        }
        let key = options.rename.unwrap_or_else(|| match &member {
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        });
        // Spanned, so that a type that is no part of a module is marked where it is written.
        visits.push(match options.flatten {
            true => quote_spanned! { ty.span() =>
                <#ty as #krate::Visit>::visit(&self.#member, visitor);
            },
            false => quote_spanned! { ty.span() =>
                visitor.child::<#ty>(#key, &self.#member);
            },
        });
    }
    Ok((visits, bounds))
}

impl Options {
    fn of(field: &Field) -> Result<Self> {
        let mut options = Options::default();
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    options.skip = true;
                } else if meta.path.is_ident("flatten") {
                    options.flatten = true;
                } else if meta.path.is_ident("rename") {
                    options.rename = Some(meta.value()?.parse::<LitStr>()?.value());
                } else {
                    return Err(meta.error("expected `skip`, `flatten` or `rename = \"…\"`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

/// The crate that holds the traits.
fn home_crate(attributes: &[Attribute], home: &str) -> Result<Path> {
    let mut path = syn::parse_str(home)?;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("expected `crate = \"…\"`"));
            }
            path = meta.value()?.parse::<LitStr>()?.parse()?;
            Ok(())
        })?;
    }
    Ok(path)
}

/// Whether a name occurs in some tokens.
fn mentions(tokens: &impl ToTokens, name: &Ident) -> bool {
    fn within(stream: TokenStream, name: &Ident) -> bool {
        stream.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *name,
            TokenTree::Group(group) => within(group.stream(), name),
            _ => false,
        })
    }
    within(tokens.to_token_stream(), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(input: TokenStream) -> String {
        expand(input, "::gradus_nn").to_string()
    }

    #[test]
    fn an_enum_is_told_to_become_a_struct() {
        assert!(message(quote! { enum E { A } }).contains("structs only"));
    }

    #[test]
    fn an_unknown_option_names_the_known_ones() {
        let text = message(quote! { struct S { #[module(ignore)] a: usize } });
        assert!(text.contains("expected `skip`, `flatten` or `rename"), "{text}");
    }

    #[test]
    fn skipped_fields_need_nothing_and_generic_ones_are_bounded() {
        let text = message(quote! { struct S<T, F> { a: Vec<T>, #[module(skip)] f: F } });
        assert!(text.contains("Vec < T > : :: gradus_nn :: Visit"), "{text}");
        assert!(!text.contains("F : :: gradus_nn"), "{text}");
    }

    #[test]
    fn the_home_can_be_named() {
        let text = message(quote! { #[module(crate = "my::nn")] struct S; });
        assert!(text.contains("my :: nn :: Visit for S"), "{text}");
    }
}
