//! Texts that are always the same, by which the variants of a thing are told apart.

/// Types that are written as one text.
macro_rules! constants {
    ($($name:ident = $text:literal),+ $(,)?) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            pub(in crate::dixa) struct $name;

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str($text)
                }
            }

            impl schemars::JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }
                fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    schemars::json_schema!({"type": "string", "const": $text})
                }
            }
        )+
    };
}

pub(super) use constants;
