//! GET `/org/{orgUUID}/users`: a page of users (contract section 4).

use denizen_directory::operators::{OperatorOrder, OperatorQuery};

use super::caller::{Doing, administrator};
use super::wire::{Page, Pageable, Sort, User};
use super::{input, render};
use crate::kernel::{Call, Problem, QueryReader, Reply};

pub(super) const DEFAULT_LINES: u32 = 5;
pub(super) const MOST_LINES: u32 = 1_000;
/// The vendor counts in 32 bits with a sign.
pub(super) const LAST_PAGE: u32 = i32::MAX as u32;

const SORTED: Sort = Sort { empty: false, sorted: true, unsorted: false };

/// Which page was asked for.
struct Asked {
    page: u32,
    lines: u32,
}

pub(super) async fn handle(call: Call) -> Result<Reply, Problem> {
    let ctx = administrator(&call, Doing::Reading).await?;
    let (asked, query) = read(&call)?;
    let list = call.directory().list_operators(&ctx, query).await?;
    let page = page(&asked, render::users(&ctx, &list), list.total);
    Ok(Reply::json_of(200, &page, render::size_of_users(&list)))
}

fn read(call: &Call) -> Result<(Asked, OperatorQuery), Problem> {
    let mut query = QueryReader::new(call);
    let page = input::int(&mut query, "page", 0, 0, LAST_PAGE);
    let lines = input::int(&mut query, "linesPerPage", DEFAULT_LINES, 1, MOST_LINES);
    let order = input::word(
        &mut query,
        "orderBy",
        OperatorOrder::CreatedAt,
        |word| {
            Some(match word {
                "createdAt" => OperatorOrder::CreatedAt,
                "name" => OperatorOrder::Name,
                "email" => OperatorOrder::Email,
                "company" => OperatorOrder::Company,
                "admin" => OperatorOrder::Admin,
                "uuid" => OperatorOrder::Id,
                _ => return None,
            })
        },
        "createdAt, name, email, company, admin and uuid",
    );
    let direction = |word: &str| match word.to_ascii_uppercase().as_str() {
        "ASC" => Some(false),
        "DESC" => Some(true),
        _ => None,
    };
    let is_descending = input::word(&mut query, "direction", true, direction, "ASC and DESC");
    let needle = query.text("searchTerms").filter(|terms| !terms.trim().is_empty());
    let offset = u64::from(page) * u64::from(lines);
    let asked = OperatorQuery { needle, order, is_descending, offset, limit: lines as usize };
    query.finish((Asked { page, lines }, asked))
}

/// The envelope of the published service, which is Spring Data's.
fn page<'u>(asked: &Asked, content: Vec<User<'u>>, total_elements: u64) -> Page<User<'u>> {
    let (number, size) = (u64::from(asked.page), u64::from(asked.lines));
    let total_pages = total_elements.div_ceil(size);
    Page {
        pageable: Pageable {
            sort: SORTED,
            offset: number * size,
            page_number: number,
            page_size: size,
            paged: true,
            unpaged: false,
        },
        last: number + 1 >= total_pages,
        total_pages,
        total_elements,
        size,
        number,
        sort: SORTED,
        first: number == 0,
        number_of_elements: content.len() as u64,
        empty: content.is_empty(),
        content,
    }
}
