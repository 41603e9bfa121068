//! The way from page to page (contract section 5.7): where a page begins and how long it is stand in a key that callers
//! give back, and links with such keys lead on and back.
//!
//! A key is the Base64 of `pageLimit=50&after=…`. It holds positions, never an address or a number: what those filters
//! find fits on one page. The external id of a filter is in it, because such lists can be long.

use axum::http::uri::Authority;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use denizen_directory::contacts::{ContactFilter, ContactPlace, Page, PageFrom};
use denizen_domain::ids::Uuid;
use denizen_domain::time::Timestamp;

use super::input::{filter, parameter};
use super::wire::{DataPage, PaginationLinks};
use crate::kernel::{Call, Problem};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest key that is read, in bytes: an external id of the greatest length, three bytes for each of its own, in
/// Base64, and some room.
const MAX_KEY: usize = 4_500;

/// A place in a list, as a key holds it.
pub(super) trait Place: Sized + Copy {
    fn write(self) -> String;
    fn read(text: &str) -> Option<Self>;
}

impl Place for ContactPlace {
    fn write(self) -> String {
        format!("{}.{}", self.created_at.0, self.id)
    }

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        Some(Self { created_at: Timestamp(micros.parse().ok()?), id: Uuid::parse(id)? })
    }
}

impl Place for i64 {
    fn write(self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<P> {
    pub(super) from: PageFrom<P>,
    pub(super) limit: usize,
    /// Only where the list can be long.
    external_id: Option<String>,
}

impl<P: Place> Asked<P> {
    /// # Errors
    /// 400 that names `pageLimit` or `pageKey`.
    pub(super) fn read(call: &Call) -> Result<Self, Problem> {
        let settings = &call.app().settings.dixa;
        let size = |text: &str| match text.parse::<i32>() {
            Ok(size) if size >= 1 => Ok(usize::try_from(size).unwrap_or(usize::MAX)),
            _ => Err(parameter("query", "pageLimit", "must be a whole number from 1")),
        };
        let limit = call.query().get("pageLimit").map(size).transpose()?;
        let mut asked = match call.query().get("pageKey") {
            None => Self { from: PageFrom::Start, limit: settings.page_limit_default, external_id: None },
            Some(key) => Self::of_key(key)
                .ok_or_else(|| parameter("query", "pageKey", "must be from an earlier answer"))?,
        };
        asked.limit = limit.unwrap_or(asked.limit).min(settings.page_limit_most);
        Ok(asked)
    }

    fn of_key(key: &str) -> Option<Self> {
        if key.len() > MAX_KEY {
            return None;
        }
        // As others write Base64, and as a query spells a plus.
        let key = key.replace('/', "_").replace(['+', ' '], "-");
        let bytes = BASE64.decode(key).ok()?;
        let (mut from, mut limit, mut external_id) = (None, None, None);
        for (name, value) in form_urlencoded::parse(&bytes) {
            match &*name {
                "after" if from.is_none() => from = Some(PageFrom::After(P::read(&value)?)),
                "before" if from.is_none() => from = Some(PageFrom::Before(P::read(&value)?)),
                "pageLimit" if limit.is_none() => {
                    limit = Some(value.parse().ok().filter(|limit| *limit > 0)?);
                }
                "externalId" if external_id.is_none() => external_id = Some(value.into_owned()),
                _ => return None,
            }
        }
        Some(Self { from: from?, limit: limit?, external_id })
    }

    fn key(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.append_pair("pageLimit", &self.limit.to_string());
        match self.from {
            PageFrom::Start => {}
            PageFrom::After(place) => {
                text.append_pair("after", &place.write());
            }
            PageFrom::Before(place) => {
                text.append_pair("before", &place.write());
            }
        }
        if let Some(external_id) = &self.external_id {
            text.append_pair("externalId", external_id);
        }
        BASE64.encode(text.finish())
    }
}

/// Which page is asked for, and of what: a key says that by itself, so a filter beside it does not count.
///
/// # Errors
/// 400 for more than one filter, and as [`Asked::read`].
pub(super) fn contacts(call: &Call) -> Result<(Asked<ContactPlace>, ContactFilter), Problem> {
    let mut asked = Asked::read(call)?;
    if call.query().get("pageKey").is_some() {
        let filter = asked.external_id.clone().map_or(ContactFilter::All, ContactFilter::ExternalId);
        return Ok((asked, filter));
    }
    let filter = filter(call)?;
    if let ContactFilter::ExternalId(external_id) = &filter {
        asked.external_id = Some(external_id.clone());
    }
    Ok((asked, filter))
}

/// An answer with the links that belong to it.
pub(super) fn page<T, W, P: Place>(
    call: &Call,
    asked: &Asked<P>,
    page: Page<T>,
    place: impl Fn(&T) -> P,
    render: impl Fn(T) -> W,
) -> DataPage<W> {
    let first = page.items.first().filter(|_| page.has_before).map(&place);
    let last = page.items.last().filter(|_| page.has_after).map(&place);
    let meta = links(call, asked, first, last);
    DataPage { data: page.items.into_iter().map(render).collect(), meta }
}

/// The links around a page: back from its first place, and on from its last one, where anything lies there.
pub(super) fn links<P: Place>(
    call: &Call,
    asked: &Asked<P>,
    first: Option<P>,
    last: Option<P>,
) -> Option<PaginationLinks> {
    let link = |from| link(call, &Asked { from, ..asked.clone() });
    let previous = first.map(|first| link(PageFrom::Before(first)));
    let next = last.map(|last| link(PageFrom::After(last)));
    let is_needed = previous.is_some() || next.is_some();
    is_needed.then_some(PaginationLinks { previous, next })
}

fn link<P: Place>(call: &Call, asked: &Asked<P>) -> String {
    let path = call.request_path().trim_matches('/');
    let key = asked.key().replace('=', "%3D");
    let origin = if call.app().settings.dixa.relative_links { String::new() } else { origin(call) };
    format!("{origin}/{path}?pageKey={key}")
}

/// How the caller reaches this process: as the settings say, or as the request itself does.
fn origin(call: &Call) -> String {
    let settings = &call.app().settings;
    if let Some(url) = &settings.dixa.public_url {
        return url.clone();
    }
    // A name is all that may stand there: what is put into a link must not be able to be anything else.
    let host = call.header("host").and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(|host| !host.as_str().contains('@')) else {
        return settings.public_url.clone();
    };
    // Said by whoever ends TLS before this process. A caller who says so itself changes nothing but its own links.
    let is_secure = call.header("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
    format!("{}://{host}", if is_secure { "https" } else { "http" })
}
