//! Blank pictures of the least sizes that are accepted, in base64, so that the documentation's example can be pasted.

/// A PNG of 400 × 160 pixels.
pub(super) const LOGO: &str = "iVBORw0KGgoAAAANSUhEUgAAAZAAAACgAQAAAAAKyQd4AAAAM0lEQVR42u3LoQEAAAwCIP9/Wm9YWYJOehZFURRFURRFURRFURRFURRFURRFURRFUX7LACcZIpJs4AY8AAAAAElFTkSuQmCC";
/// A PNG of 40 × 40 pixels.
pub(super) const SQUARE_LOGO: &str =
    "iVBORw0KGgoAAAANSUhEUgAAACgAAAAoAQAAAACkhYXAAAAAD0lEQVR42mP4DwIMI4YEAGijxzn4SSnNAAAAAElFTkSuQmCC";
/// An ICO of 40 × 40 pixels.
pub(super) const FAVICON: &str = "AAABAAEAKCgAAAEAAQBIAAAAFgAAAIlQTkcNChoKAAAADUlIRFIAAAAoAAAAKAEAAAAApIWFwAAAAA9JREFUeNpj+A8CDCOGBABoo8c5+EkpzQAAAABJRU5ErkJggg==";
/// A PNG of 292 × 400 pixels.
pub(super) const HEADSHOT: &str = "iVBORw0KGgoAAAANSUhEUgAAASQAAAGQAQAAAAAv2SAiAAAAR0lEQVR42u3KMQ0AAAwDoPo33VrYvcBNehHLsizLsizLsizLsizLsizLsizLsizLsizLsizLsizLsizLsizLsizLsizLerEGHlGZiIn3dqcAAAAASUVORK5CYII=";
