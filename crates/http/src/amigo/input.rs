//! Input that several operations read alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_directory::members::{MAX_ADDITIONAL_CONTEXT, MAX_CONTEXT_LENGTH, PreferenceChanges};
use denizen_directory::temporary_grants::{TagTest, TagValue, Tags};
use denizen_domain::locale::{is_language, is_time_zone};
use denizen_domain::member::{Preferences, UserDimension, Variables};
use denizen_domain::patch::Patch;
use denizen_domain::permission::{Condition, Effect, FrontendView, Grant, Grants, PermissionName, Scalar};
use denizen_domain::text::{MAX_LINE, TextError, bounded, is_audio_keyterm, is_variable_name, stripped};
use denizen_domain::time::Timestamp;
use serde_json::Value;

use crate::kernel::{FieldProblem, Loc, Reader};

/// The most grants of one role.
const MAX_GRANTS: usize = 1_000;
/// The most values that the conditions of a role mention together. Lists of values are compared with each other when
/// roles are, and when a caller's grants are compiled, and every session holds them.
const MAX_CONDITION_VALUES: usize = 4_000;
/// The longest value of a condition, in characters: longer than any attribute is.
const MAX_CONDITION_VALUE: usize = MAX_LINE;
/// The most dimensions of an organization, tags of a dimension, and lines of instructions.
const MAX_LIST: usize = 200;
const MAX_KEYTERMS: usize = 20;
const MAX_VARIABLE_VALUE: usize = 255;
const MAX_URI: usize = 2_083;

/// A date and time with or without a zone; without it is in UTC.
pub(super) fn date_time(value: &Value) -> Result<Timestamp, FieldProblem> {
    let invalid = || {
        let message = "Input should be a valid datetime in RFC 3339 form, such as 2026-01-01T12:00:00Z";
        FieldProblem::new("datetime_parsing", message)
    };
    Timestamp::parse(text(value)?.trim()).ok_or_else(invalid)
}

/// A text of at most so many bytes, as it was sent.
pub(super) fn long_text(value: Value, most: usize) -> Result<String, FieldProblem> {
    let Value::String(text) = value else { return Err(FieldProblem::string_type()) };
    if text.len() > most {
        return Err(FieldProblem::value_error(format!("must have at most {most} bytes")));
    }
    if text.contains('\0') {
        return Err(TextError::Nul.into());
    }
    Ok(text)
}

fn text(value: &Value) -> Result<&str, FieldProblem> {
    value.as_str().ok_or_else(FieldProblem::string_type)
}

fn language(value: &Value) -> Result<String, FieldProblem> {
    let code = text(value)?;
    if is_language(code) {
        Ok(code.to_owned())
    } else {
        Err(FieldProblem::value_error("must be two letters or a language code of ISO 639-3"))
    }
}

fn time_zone(value: &Value) -> Result<String, FieldProblem> {
    let name = text(value)?;
    if is_time_zone(name) {
        Ok(name.to_owned())
    } else {
        Err(FieldProblem::value_error("must be an IANA time-zone name, such as Europe/Berlin"))
    }
}

fn keyterm(value: &Value) -> Result<String, FieldProblem> {
    let term = text(value)?.trim();
    if is_audio_keyterm(term) {
        Ok(term.to_owned())
    } else {
        Err(FieldProblem::pattern("^[a-z-]+( [a-z-]+){0,2}$"))
    }
}

/// An absolute address. Schemes that make a browser run what stands in the address are refused.
fn uri(value: &Value) -> Result<String, FieldProblem> {
    let text = text(value)?;
    let invalid = |reason| FieldProblem::new("url_parsing", format!("Input should be a valid URL, {reason}"));
    if text.is_empty() {
        return Err(FieldProblem::string_too_short(1));
    }
    if text.len() > MAX_URI {
        return Err(FieldProblem::new(
            "url_too_long",
            format!("URL should have at most {MAX_URI} characters"),
        )
        .with_ctx("max_length", MAX_URI));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("without white space"));
    }
    let (scheme, rest) = text.split_once(':').ok_or_else(|| invalid("relative URL without a base"))?;
    let scheme_is_valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !scheme_is_valid || rest.trim_start_matches('/').is_empty() {
        return Err(invalid("with a scheme and a host"));
    }
    if ["javascript", "data", "vbscript"].iter().any(|refused| scheme.eq_ignore_ascii_case(refused)) {
        return Err(FieldProblem::value_error("addresses of this scheme are not accepted"));
    }
    Ok(text.to_owned())
}

/// A field that holds an absolute address.
pub(super) fn required_uri(reader: &mut Reader, name: &str) -> String {
    reader.required_custom(name, |value| uri(&value)).unwrap_or_default()
}

pub(super) fn optional_uri(reader: &mut Reader, name: &str) -> Option<String> {
    reader.custom(name, |value| uri(&value))
}

/// First and last name, each absent or given.
pub(super) fn optional_names(reader: &mut Reader) -> (Option<String>, Option<String>) {
    (reader.optional_text("first_name", MAX_LINE), reader.optional_text("last_name", MAX_LINE))
}

/// A whole set of preferences: what is absent or `null` has its default (contract section 5.4).
pub(super) fn preferences(reader: &mut Reader) -> Preferences {
    let defaults = Preferences::default();
    Preferences {
        enable_response_recommendation: reader
            .bool("enable_response_recommendation")
            .unwrap_or(defaults.enable_response_recommendation),
        preferred_language: reader.custom("preferred_language", |value| language(&value)),
        conversations_visible_to_admins: reader
            .bool("conversations_visible_to_admins")
            .unwrap_or(defaults.conversations_visible_to_admins),
        user_model_visible_to_admins: reader
            .bool("user_model_visible_to_admins")
            .unwrap_or(defaults.user_model_visible_to_admins),
        timezone: reader.custom("timezone", |value| time_zone(&value)),
        audio_keyterms: reader
            .list("audio_keyterms", MAX_KEYTERMS, |term| keyterm(&term))
            .unwrap_or_default(),
    }
}

/// The preferences among the fields of an update (contract section 5.6).
pub(super) fn preference_changes(reader: &mut Reader) -> PreferenceChanges {
    PreferenceChanges {
        enable_response_recommendation: reader.bool("enable_response_recommendation"),
        preferred_language: three_way(reader, "preferred_language", language),
        conversations_visible_to_admins: reader.bool("conversations_visible_to_admins"),
        user_model_visible_to_admins: reader.bool("user_model_visible_to_admins"),
        timezone: three_way(reader, "timezone", time_zone),
        audio_keyterms: reader.list("audio_keyterms", MAX_KEYTERMS, |term| keyterm(&term)),
    }
}

fn three_way(
    reader: &mut Reader,
    name: &str,
    check: fn(&Value) -> Result<String, FieldProblem>,
) -> Patch<String> {
    reader.patch(name, |value| check(&value))
}

pub(super) fn additional_context(reader: &mut Reader) -> Option<Vec<String>> {
    reader.strings("additional_context", MAX_ADDITIONAL_CONTEXT, MAX_CONTEXT_LENGTH)
}

fn variable_name(name: &str) -> Result<(), FieldProblem> {
    if is_variable_name(name) { Ok(()) } else { Err(FieldProblem::pattern("^[a-z_][a-z0-9_]+$")) }
}

/// A map of variables of one kind, at most `most`.
pub(super) fn variables(reader: &mut Reader, name: &str, most: usize) -> Variables {
    let variables = reader.map(name, most, MAX_VARIABLE_VALUE, variable_name).unwrap_or_default();
    for (key, value) in &variables {
        if value.is_empty() {
            reader.problem(name, FieldProblem::string_too_short(1).at([key.as_str()]));
        }
    }
    variables
}

/// The name of one variable in a list.
pub(super) fn variable_name_field(reader: &mut Reader) -> String {
    let check = |value: Value| {
        let name = text(&value)?.trim().to_owned();
        variable_name(&name).map(|()| name)
    };
    reader.required_custom("name", check).unwrap_or_default()
}

pub(super) fn variable_value_field(reader: &mut Reader) -> String {
    let value = reader.required_raw_text("value", MAX_VARIABLE_VALUE);
    if value.is_empty() && reader.is_valid() {
        reader.problem("value", FieldProblem::string_too_short(1));
    }
    value
}

/// The grants of a role (contract section 6). `action` is of an older generation and means `Allow` when it is absent.
pub(super) fn grants(value: Value) -> Result<Grants, FieldProblem> {
    let Value::Array(items) = value else { return Err(FieldProblem::list_type()) };
    if items.len() > MAX_GRANTS {
        return Err(FieldProblem::too_long("List", MAX_GRANTS, items.len()));
    }
    let mut grants = Vec::with_capacity(items.len());
    let mut values = 0;
    for (index, item) in items.into_iter().enumerate() {
        grants.push(grant(item, &mut values).map_err(|problem| {
            let mut loc = vec![Loc::Index(index)];
            loc.extend(problem.loc.clone());
            problem.at(loc)
        })?);
    }
    Ok(Grants(grants))
}

/// How many values the conditions mention, none of which may be too long.
fn bounded_values(grant: &Grant) -> Result<usize, FieldProblem> {
    let mut count = 0;
    for (attribute, condition) in &grant.conditions {
        for value in condition.values() {
            if let Scalar::Text(text) = value {
                bounded(text, MAX_CONDITION_VALUE)
                    .map_err(|problem| FieldProblem::from(problem).at(["conditions", attribute.as_str()]))?;
            }
        }
        // A list without values is kept and compared, too.
        count += condition.values().len().max(1);
    }
    Ok(count)
}

/// One grant. `values` counts the values that the conditions of all grants mention that belong together.
pub(super) fn grant(mut item: Value, values: &mut usize) -> Result<Grant, FieldProblem> {
    if let Some(members) = item.as_object_mut()
        && members.get("action").is_some_and(Value::is_null)
    {
        members.remove("action");
    }
    let grant = unbounded_grant(item)?;
    *values += bounded_values(&grant)?;
    if *values > MAX_CONDITION_VALUES {
        return Err(FieldProblem::value_error(format!(
            "the conditions of a role mention at most {MAX_CONDITION_VALUES} values together"
        ))
        .at(["conditions"]));
    }
    Ok(grant)
}

fn unbounded_grant(item: Value) -> Result<Grant, FieldProblem> {
    for name in ["permission_name", "conditions"] {
        match item.as_object() {
            None => return Err(FieldProblem::object_type()),
            Some(members) if !members.contains_key(name) => return Err(FieldProblem::missing().at([name])),
            Some(_) => {}
        }
    }
    parts_of(&item)?;
    serde_json::from_value(item).map_err(FieldProblem::value_error)
}

/// Looks at the parts of a grant one by one, so that a problem says which of them it is about.
fn parts_of(item: &Value) -> Result<(), FieldProblem> {
    let name = text(&item["permission_name"]).map_err(|problem| problem.at(["permission_name"]))?;
    PermissionName::parse(name).map_err(|error| FieldProblem::value_error(error).at(["permission_name"]))?;
    if !matches!(item["action"].as_str(), Some("Allow" | "Deny")) && !item["action"].is_null() {
        return Err(FieldProblem::literal("'Allow' or 'Deny'").at(["action"]));
    }
    let conditions = item["conditions"].as_object();
    let conditions = conditions.ok_or_else(|| FieldProblem::object_type().at(["conditions"]))?;
    for (attribute, condition) in conditions {
        if serde_json::from_value::<Condition>(condition.clone()).is_err() {
            let wanted = "must be {\"type\": \"Equals\" or \"NotEquals\", \"value\": …} or {\"type\": \"In\", \
                          \"values\": […]}, where a value is a text, a whole number, true or false";
            return Err(FieldProblem::value_error(wanted).at(["conditions", attribute.as_str()]));
        }
    }
    Ok(())
}

/// Grants as they stand on the wire.
pub(super) fn grants_out(grants: &Grants) -> Vec<super::wire::PermissionGrant> {
    grants.0.iter().map(grant_out).collect()
}

pub(super) fn grant_out(grant: &Grant) -> super::wire::PermissionGrant {
    use super::wire::{Action, Condition, PermissionGrant};
    use denizen_domain::permission::Condition as Stored;
    let value = |scalar: &Scalar| serde_json::to_value(scalar).unwrap_or(Value::Null);
    let condition = |(attribute, condition): (&String, &Stored)| {
        let condition = match condition {
            Stored::Equals(scalar) => Condition::Equals { value: value(scalar) },
            Stored::NotEquals(scalar) => Condition::NotEquals { value: value(scalar) },
            Stored::In(scalars) => Condition::In { values: scalars.iter().map(value).collect() },
        };
        (attribute.clone(), condition)
    };
    PermissionGrant {
        action: if grant.effect == Effect::Deny { Action::Deny } else { Action::Allow },
        permission_name: grant.permission.as_str().to_owned(),
        conditions: grant.conditions.iter().map(condition).collect(),
        description: None,
    }
}

/// `client` or `admin`.
pub(super) fn frontend_view(value: &Value) -> Result<FrontendView, FieldProblem> {
    value.as_str().and_then(FrontendView::parse).ok_or_else(|| FieldProblem::literal("'client' or 'admin'"))
}

pub(super) fn user_dimension(reader: &mut Reader) -> UserDimension {
    UserDimension {
        description: reader.required_text("description", MAX_LINE),
        tags: reader.required_custom("tags", |value| texts(value, MAX_LINE)).unwrap_or_default(),
    }
}

/// A list of trimmed texts that are not empty.
pub(super) fn texts(value: Value, longest: usize) -> Result<Vec<String>, FieldProblem> {
    let Value::Array(items) = value else { return Err(FieldProblem::list_type()) };
    if items.len() > MAX_LIST {
        return Err(FieldProblem::too_long("List", MAX_LIST, items.len()));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            text(item).and_then(|item| Ok(stripped(item, longest)?)).map_err(|problem| problem.at([index]))
        })
        .collect()
}

pub(super) const MAX_DIMENSIONS: usize = MAX_LIST;

/// What a picture must be.
#[derive(Clone, Copy)]
pub(super) struct ImageRule {
    pub(super) is_ico: bool,
    pub(super) least: (usize, usize),
    /// Width divided by height.
    pub(super) proportions: f64,
}

/// A picture in base64 (contract section 8).
pub(super) fn image(value: &Value, rule: ImageRule) -> Result<Vec<u8>, FieldProblem> {
    let content = STANDARD
        .decode(text(value)?.trim())
        .map_err(|_| FieldProblem::new("base64_decode", "Input should be valid base64"))?;
    let (kind, wanted) = if rule.is_ico {
        (imagesize::ImageType::Ico, "an ICO picture")
    } else {
        (imagesize::ImageType::Png, "a PNG picture")
    };
    if imagesize::image_type(&content).ok() != Some(kind) {
        return Err(FieldProblem::value_error(format!("must be {wanted}")));
    }
    let size = imagesize::blob_size(&content)
        .map_err(|_| FieldProblem::value_error(format!("must be {wanted} that is complete")))?;
    let (width, height) = rule.least;
    if size.width < width || size.height < height {
        return Err(FieldProblem::value_error(format!("must be at least {width} × {height} pixels")));
    }
    #[expect(clippy::cast_precision_loss, reason = "pictures have far fewer than 2^52 pixels on a side")]
    let proportions = size.width as f64 / size.height as f64;
    if (proportions - rule.proportions).abs() > 0.01 {
        return Err(FieldProblem::value_error(format!(
            "width divided by height must be {}",
            rule.proportions
        )));
    }
    Ok(content)
}

/// An ISO 8601 duration in microseconds, from `least` to `most`, with words for these bounds; a year counts 365 days and a
/// month 30.
pub(super) fn duration_micros(
    value: &Value,
    least: i64,
    most: i64,
    bounds: &str,
) -> Result<i64, FieldProblem> {
    let invalid = || {
        FieldProblem::new("time_delta_parsing", "Input should be a valid duration in ISO 8601, such as P30D")
    };
    let text = text(value)?.trim();
    // The library also reads friendlier forms, which the published one is not.
    if !text.starts_with('P') {
        return Err(invalid());
    }
    let span: jiff::Span = text.parse().map_err(|_| invalid())?;
    let days = i64::from(span.get_years()) * 365
        + i64::from(span.get_months()) * 30
        + i64::from(span.get_weeks()) * 7
        + i64::from(span.get_days());
    let time = jiff::Span::new()
        .try_hours(span.get_hours())
        .and_then(|time| time.try_minutes(span.get_minutes()))
        .and_then(|time| time.try_seconds(span.get_seconds()))
        .and_then(|time| time.total(jiff::Unit::Second))
        .map_err(|_| invalid())?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the check below to a year")]
    let micros = days.saturating_mul(Timestamp::MICROS_PER_DAY).saturating_add((time * 1e6) as i64);
    if (least..=most).contains(&micros) {
        Ok(micros)
    } else {
        Err(FieldProblem::value_error(format!("must be from {bounds}")))
    }
}

/// What tags and their values are made of.
const TAG: &str = r"^[\w\s]+$";
const MAX_TAG: usize = 256;
const MAX_TAGS: usize = 20;

fn tag_text(text: &str) -> Result<String, FieldProblem> {
    let text = stripped(text, MAX_TAG)?;
    let fits = text.chars().all(|c| c.is_alphanumeric() || c == '_' || c.is_whitespace());
    if fits { Ok(text) } else { Err(FieldProblem::pattern(TAG)) }
}

/// Tags, each with a value or `null`.
pub(super) fn tags(value: Value) -> Result<Tags, FieldProblem> {
    let Value::Object(members) = value else { return Err(FieldProblem::dict_type()) };
    if members.len() > MAX_TAGS {
        return Err(FieldProblem::too_long("Dictionary", MAX_TAGS, members.len()));
    }
    let mut tags = Tags::new();
    for (name, value) in members {
        let tag = tag_text(&name).map_err(|problem| problem.at([name.as_str(), "[key]"]))?;
        let value = match &value {
            Value::Null => None,
            value => Some(text(value).and_then(tag_text).map_err(|problem| problem.at([name.as_str()]))?),
        };
        tags.insert(tag, value);
    }
    Ok(tags)
}

/// `tag:value`: any value for `*`, and none where nothing stands behind the colon.
pub(super) fn tag_test(text: &str) -> Result<TagTest, FieldProblem> {
    let form = "must be a tag, a colon, and a value, `*` for any value, or nothing for none";
    let (name, value) = text.split_once(':').ok_or_else(|| FieldProblem::value_error(form))?;
    let value = match value.trim() {
        "" => TagValue::Absent,
        "*" => TagValue::Any,
        value => TagValue::Is(tag_text(value)?),
    };
    Ok(TagTest { name: tag_text(name)?, value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_bounded_by_its_bytes() {
        assert_eq!(long_text(json!(" ää"), 5), Ok(" ää".to_owned()));
        for wrong in [json!("äää"), json!("a\0"), json!(1), json!(null)] {
            assert!(long_text(wrong.clone(), 5).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_grant_is_told_with_its_place_and_without_words_of_the_parser() {
        for (name, action, condition, place) in [
            ("User", json!(null), json!({"type": "Equals", "value": "x"}), vec!["permission_name"]),
            ("User:GetUserInfo", json!("Permit"), json!({"type": "Equals", "value": "x"}), vec!["action"]),
            (
                "User:GetUserInfo",
                json!("Deny"),
                json!({"type": "Like", "value": "x"}),
                vec!["conditions", "email"],
            ),
            (
                "User:GetUserInfo",
                json!("Deny"),
                json!({"type": "In", "value": "x"}),
                vec!["conditions", "email"],
            ),
        ] {
            let grant =
                json!({"permission_name": name, "action": action, "conditions": {"email": condition}});
            let problem = grants(json!([grant])).unwrap_err();
            let mut expected = vec![Loc::Index(0)];
            expected.extend(place.into_iter().map(Loc::from));
            assert_eq!(problem.loc, expected, "{problem:?}");
            assert!(
                !problem.message.contains("variant") && !problem.message.contains("missing field"),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn a_tag_is_looked_for_by_its_value_by_any_and_by_none() {
        let test = |text| tag_test(text).map(|tag| (tag.name, tag.value));
        let is = |name: &str, value| Ok((name.to_owned(), value));
        assert_eq!(test("ticket:7"), is("ticket", TagValue::Is("7".to_owned())));
        assert_eq!(test(" two words : Ä_1 "), is("two words", TagValue::Is("Ä_1".to_owned())));
        assert_eq!(test("ticket:*"), is("ticket", TagValue::Any));
        assert_eq!(test("ticket:"), is("ticket", TagValue::Absent));
        for wrong in ["ticket", ":7", " :7", "a-b:7", "a:b:c", "a:-", "a:**", ""] {
            assert!(test(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tags_are_words_with_a_value_or_none() {
        let read = tags(json!({" ticket ": " 7 ", "two words": null})).unwrap();
        let expected = [("ticket".to_owned(), Some("7".to_owned())), ("two words".to_owned(), None)];
        assert_eq!(read, Tags::from(expected));
        let many: serde_json::Map<String, Value> =
            (0..21).map(|number| (number.to_string(), Value::Null)).collect();
        for wrong in [
            json!([]),
            json!({"a": 1}),
            json!({"a": " "}),
            json!({" ": "a"}),
            json!({"a:b": "c"}),
            json!({"a": "c!"}),
            Value::Object(many),
        ] {
            assert!(tags(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_duration_lies_within_its_bounds() {
        let second = Timestamp::MICROS_PER_SECOND;
        let read =
            |text: &str| duration_micros(&json!(text), second, 2 * Timestamp::MICROS_PER_DAY, "b").ok();
        assert_eq!(read("PT1S"), Some(second));
        assert_eq!(read("P2D"), Some(172_800 * second));
        assert_eq!(read("P1DT1H1M1S"), Some(90_061 * second));
        for wrong in ["PT0S", "PT0.5S", "P2DT1S", "P1M", "-PT1S", "1 day", "", "P"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    fn list_of(values: usize) -> Value {
        let values: Vec<_> = (0..values).map(|number| format!("{number:024x}")).collect();
        json!({"permission_name": "User:GetUserInfo", "conditions": {"user_id": {"type": "In", "values": values}}})
    }

    #[test]
    fn the_conditions_of_a_role_mention_a_bounded_number_of_values() {
        assert!(grants(json!([list_of(MAX_CONDITION_VALUES)])).is_ok());
        let half = MAX_CONDITION_VALUES / 2;
        let problem = grants(json!([list_of(half), list_of(half), list_of(1)])).unwrap_err();
        assert_eq!(problem.loc, [Loc::Index(2), Loc::from("conditions")]);
        let long = "x".repeat(MAX_CONDITION_VALUE + 1);
        let condition = json!({"email": {"type": "Equals", "value": long}});
        let problem =
            grants(json!([{"permission_name": "User:GetUserInfo", "conditions": condition}])).unwrap_err();
        assert_eq!(problem.loc, [Loc::Index(0), Loc::from("conditions"), Loc::from("email")]);
    }
}
