//! A partial update of one field: keep it, clear it, or set it.

/// What an update says of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// `None` keeps, `Some` sets: for fields that cannot be cleared.
    pub fn from_option(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }

    /// Writes the patch over a field that can be empty.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_clears_or_sets() {
        let mut field = Some(1);
        Patch::Keep.apply(&mut field);
        assert_eq!(field, Some(1));
        Patch::Set(2).apply(&mut field);
        assert_eq!(field, Some(2));
        Patch::Clear.apply(&mut field);
        assert_eq!(field, None);
    }
}
