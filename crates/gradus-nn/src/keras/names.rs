//! Names of layers, as Keras makes them.

use gradus_tensor::{Error, Result};

use super::call::Slot;

/// `MaxPooling2D` as `max_pooling2d`: an underscore before each capital that begins a word.
pub(super) fn snake_case(kind: &str) -> String {
    let chars: Vec<char> = kind.chars().collect();
    let mut name = String::with_capacity(kind.len() + 4);
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && chars[i - 1].is_lowercase();
        let before_lower = i > 0 && chars.get(i + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// A name for each slot: the user's, else the kind's with a number behind all but the first,
/// passing over names that users chose.
///
/// # Errors
/// `Kind::Argument` for a name given twice, an empty one or one with a dot, which separates the
/// parts of keys in a state dict.
pub(super) fn assign(slots: &[Slot]) -> Result<Vec<String>> {
    let mut taken: Vec<String> = Vec::new();
    for given in slots.iter().filter_map(Slot::name) {
        if given.is_empty() || given.contains('.') {
            return Err(Error::argument("model", "name", format!("{given:?}"), "no dot in it"));
        }
        if taken.iter().any(|name| name == given) {
            let expected = "a name of its own for every layer";
            return Err(Error::argument("model", "name", format!("{given:?} twice"), expected));
        }
        taken.push(given.to_owned());
    }
    let mut names = Vec::with_capacity(slots.len());
    for slot in slots {
        let name = match slot.name() {
            Some(given) => given.to_owned(),
            None => {
                let base = snake_case(slot.kind());
                let numbered =
                    (0..).map(|i| if i == 0 { base.clone() } else { format!("{base}_{i}") });
                let free = numbered.into_iter().find(|name| !taken.contains(name));
                let name = free.unwrap_or(base);
                taken.push(name.clone());
                name
            }
        };
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_become_kerass_names() {
        for (kind, name) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("MaxPooling2D", "max_pooling2d"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("UpSampling2D", "up_sampling2d"),
            ("BatchNormalization", "batch_normalization"),
            ("LSTM", "lstm"),
            ("InputLayer", "input_layer"),
        ] {
            assert_eq!(snake_case(kind), name);
        }
    }

    #[test]
    fn numbers_pass_over_names_that_users_chose() {
        let dense = Slot::new("Dense");
        let slots = [dense.fresh(), dense.named("dense_1"), dense.fresh(), dense.fresh()];
        assert_eq!(assign(&slots).unwrap(), ["dense", "dense_1", "dense_2", "dense_3"]);
        let text = assign(&[dense.named("a"), dense.named("a")]).unwrap_err().to_string();
        assert_eq!(text, "model: name is \"a\" twice, expected a name of its own for every layer");
        assert!(assign(&[dense.named("a.b")]).is_err() && assign(&[dense.named("")]).is_err());
    }
}
