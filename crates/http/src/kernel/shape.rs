//! The shapes of published paths, and the paths that two of them have in common.
//!
//! `/v1/things/{id}` and `/v1/{organization}/user` both mean `/v1/things/user`, and neither is nearer to it than the
//! other. Such a path gets a shape of its own, so that whoever routes can decide about it once and for all.

use std::collections::BTreeSet;

/// A part of a path between two slashes. A word comes before a parameter, as it does when a path is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Word(&'static str),
    Param,
}

/// A published path without its final slash and without the names of its parameters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape(Vec<Part>);

impl Shape {
    /// The shape of a published path, and its parameters, each with its place among the parts.
    pub(super) fn of(template: &'static str) -> (Self, Vec<(usize, &'static str)>) {
        let mut params = Vec::new();
        let mut parts = Vec::new();
        for part in template.split('/').filter(|part| !part.is_empty()) {
            match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => {
                    params.push((parts.len(), name));
                    parts.push(Part::Param);
                }
                None => parts.push(Part::Word(part)),
            }
        }
        (Self(parts), params)
    }

    /// The word that stands at a place.
    pub(super) fn word(&self, place: usize) -> Option<&'static str> {
        match self.0.get(place) {
            Some(Part::Word(word)) => Some(word),
            Some(Part::Param) | None => None,
        }
    }

    /// Whether every path of the other shape is one of this shape, too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(own, theirs)| *own == Part::Param || own == theirs)
    }

    /// The shape of the paths that both shapes have, if there are any.
    fn common(&self, other: &Self) -> Option<Self> {
        if self.0.len() != other.0.len() {
            return None;
        }
        let common = |(own, theirs): (&Part, &Part)| match (own, theirs) {
            (Part::Param, part) | (part, Part::Param) => Some(*part),
            (own, theirs) => (own == theirs).then_some(*own),
        };
        self.0.iter().zip(&other.0).map(common).collect::<Option<_>>().map(Self)
    }

    /// As the routing table wants it, with numbered parameters.
    pub(super) fn pattern(&self) -> String {
        if self.0.is_empty() {
            return "/".to_owned();
        }
        let part = |(place, part): (usize, &Part)| match part {
            Part::Word(word) => format!("/{word}"),
            Part::Param => format!("/{{p{place}}}"),
        };
        self.0.iter().enumerate().map(part).collect()
    }
}

/// These shapes, and one for the paths that any of them have in common: then each path has one shape that is nearest.
pub(super) fn with_common(mut shapes: BTreeSet<Shape>) -> BTreeSet<Shape> {
    loop {
        let mut common = BTreeSet::new();
        for (place, shape) in shapes.iter().enumerate() {
            common.extend(shapes.iter().skip(place + 1).filter_map(|other| shape.common(other)));
        }
        let known = shapes.len();
        shapes.append(&mut common);
        if shapes.len() == known {
            return shapes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(templates: &[&'static str]) -> BTreeSet<Shape> {
        templates.iter().map(|template| Shape::of(template).0).collect()
    }

    #[test]
    fn paths_that_two_shapes_have_in_common_get_one_of_their_own() {
        let all = with_common(shapes(&["/v1/a/{x}/c", "/v1/{y}/b/{z}", "/v1/a/{x}", "/v1/{y}/b/d"]));
        let patterns: Vec<String> = all.iter().map(Shape::pattern).collect();
        let expected = ["/v1/a/b/c", "/v1/a/{p2}", "/v1/a/{p2}/c", "/v1/{p1}/b/d", "/v1/{p1}/b/{p3}"];
        assert_eq!(patterns, expected);
    }

    #[test]
    fn a_shape_covers_what_is_nearer() {
        let (wide, params) = Shape::of("/v1/{organization}/user/{id}/");
        assert_eq!(params, [(1, "organization"), (3, "id")]);
        for (template, covered) in [
            ("/v1/{a}/user/{b}", true),
            ("/v1/{a}/user/search", true),
            ("/v1/acme/{b}/search", false),
            ("/v1/{a}/user", false),
            ("/v2/{a}/user/{b}", false),
        ] {
            assert_eq!(wide.covers(&Shape::of(template).0), covered, "{template}");
        }
        assert_eq!(Shape::of("/").0.pattern(), "/");
    }
}
