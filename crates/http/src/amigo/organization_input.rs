//! The pictures of an organization, which create and modify read alike.

use denizen_directory::organizations::ImageKind;

use super::input::{ImageRule, image};
use crate::kernel::Reader;

/// Name, kind and rule of each picture (contract section 8).
const IMAGES: [(&str, ImageKind, ImageRule); 4] = [
    ("logo", ImageKind::Logo, ImageRule { is_ico: false, least: (400, 160), proportions: 2.5 }),
    ("square_logo", ImageKind::SquareLogo, ImageRule { is_ico: false, least: (40, 40), proportions: 1.0 }),
    ("favicon", ImageKind::Favicon, ImageRule { is_ico: true, least: (40, 40), proportions: 1.0 }),
    (
        "signup_page_headshot",
        ImageKind::SignupPageHeadshot,
        ImageRule { is_ico: false, least: (292, 400), proportions: 0.73 },
    ),
];

/// Whether every picture has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

pub(super) fn images(reader: &mut Reader, presence: Presence) -> Vec<(ImageKind, Vec<u8>)> {
    let mut images = Vec::new();
    for (name, kind, rule) in IMAGES {
        let content = match presence {
            Presence::Required => reader.required_custom(name, |value| image(&value, rule)),
            Presence::Optional => reader.custom(name, |value| image(&value, rule)),
        };
        images.extend(content.map(|content| (kind, content)));
    }
    images
}
