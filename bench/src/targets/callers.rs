//! Who calls, in each dialect, and the files of requests that `wrk` sends in their name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::data::Organization;
use crate::data::people::{As, Person, Rng, contact_id, member_id, operator_id, person};
use crate::server::Server;

/// Different requests of a kind.
pub(crate) const VARIED: usize = 20_000;
/// Users of a page, when a list is walked through.
const STRIDE: usize = 500;
/// Users of a page that is measured.
pub(crate) const PAGE: usize = 100;

/// An organization, and those who call it.
pub(crate) struct Callers<'a> {
    pub(crate) organization: &'a Organization,
    /// Where files of requests are kept.
    folder: &'a Path,
    /// Members: an administrator, and one whose role has conditions.
    pub(crate) admin: String,
    pub(crate) reader: String,
    pub(crate) token: String,
    pub(crate) operator: String,
}

/// Where pages begin that are [`STRIDE`] users apart, by how callers name it; the first page is named by nothing.
pub(crate) type Places = Vec<String>;

impl<'a> Callers<'a> {
    pub(crate) fn sign_in(
        server: &Server,
        organization: &'a Organization,
        folder: &'a Path,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            organization,
            folder,
            admin: server.token(organization, &organization.member_id)?,
            reader: server.token_with_conditions(organization)?,
            token: organization.dixa_token.clone().context("an organization without a token")?,
            operator: server.operator_token(organization)?,
        })
    }

    fn write(&self, name: &str, token: &str, paths: impl Iterator<Item = String>) -> anyhow::Result<PathBuf> {
        let file = self.folder.join(format!("requests-{name}"));
        let lines: Vec<String> = paths.map(|path| format!("{path}\t{token}")).collect();
        fs::write(&file, lines.join("\n"))?;
        Ok(file)
    }

    fn vary(
        &self,
        name: &str,
        token: &str,
        seed: u64,
        mut path: impl FnMut(&mut Rng) -> String,
    ) -> anyhow::Result<PathBuf> {
        let mut rng = Rng(seed);
        self.write(name, token, (0..VARIED).map(|_| path(&mut rng)))
    }

    /// The same request again and again.
    pub(crate) fn same(&self, name: &str, token: &str, path: &str) -> anyhow::Result<PathBuf> {
        self.write(name, token, std::iter::once(path.to_owned()))
    }

    fn slug(&self) -> &str {
        &self.organization.org_id
    }

    pub(crate) fn operators_path(&self) -> String {
        format!("/eva-user/org/{}/users", self.organization.org_uuid)
    }

    /// The static answer, by requests as long as the others, so that the client's work is the same.
    pub(crate) fn fixed(&self) -> anyhow::Result<PathBuf> {
        let (slug, users) = (self.slug(), self.organization.users);
        self.vary("static", &self.admin, 7, |rng| {
            format!("/livez?/v1/{slug}/user/?user_id={}", member_id(0, rng.below(users)))
        })
    }

    // ---- One user ------------------------------------------------------------------------------

    pub(crate) fn get_member(&self) -> anyhow::Result<PathBuf> {
        let (slug, users) = (self.slug(), self.organization.users);
        self.vary("get-member", &self.admin, 7, |rng| {
            format!("/v1/{slug}/user/?user_id={}", member_id(0, rng.below(users)))
        })
    }

    /// The filter admits four of five; asked for are those whom it admits, for an empty answer is cheaper.
    pub(crate) fn get_member_with_conditions(&self) -> anyhow::Result<PathBuf> {
        let (slug, users) = (self.slug(), self.organization.users);
        self.vary("get-conditions", &self.reader, 8, |rng| {
            format!("/v1/{slug}/user/?user_id={}", member_id(0, rng.below(users / 5 - 1) * 5 + 1))
        })
    }

    pub(crate) fn get_contact(&self) -> anyhow::Result<PathBuf> {
        let users = self.organization.users;
        self.vary("get-contact", &self.token, 9, |rng| {
            format!("/v1/endusers/{}", contact_id(0, rng.below(users)))
        })
    }

    pub(crate) fn get_operator(&self) -> anyhow::Result<PathBuf> {
        let (path, users) = (self.operators_path(), self.organization.users);
        self.vary("get-operator", &self.operator, 10, |rng| {
            format!("{path}/{}", operator_id(0, rng.below(users)))
        })
    }

    // ---- Lists ---------------------------------------------------------------------------------

    /// Walks through all members.
    pub(crate) fn member_places(&self, server: &Server) -> anyhow::Result<Places> {
        let (admin, path) =
            (format!("Bearer {}", self.admin), format!("/v1/{}/user/?limit={STRIDE}", self.slug()));
        let mut places = Places::new();
        loop {
            let asked = places.last().map_or(path.clone(), |at| format!("{path}&continuation_token={at}"));
            let (status, page) = server.get(&asked, &[("authorization", &admin)])?;
            ensure!(status == 200, "a page: {status} {page}");
            match page["continuation_token"].as_i64() {
                Some(next) if page["has_more"] == true => places.push(next.to_string()),
                _ => return Ok(places),
            }
        }
    }

    /// Walks through all contacts.
    pub(crate) fn contact_places(&self, server: &Server) -> anyhow::Result<Places> {
        let mut places = Places::new();
        let mut path = format!("/v1/endusers?pageLimit={STRIDE}");
        loop {
            let (status, page) = server.get(&path, &[("authorization", &self.token)])?;
            ensure!(status == 200, "a page: {status} {page}");
            let Some(next) = page["meta"]["next"].as_str() else { return Ok(places) };
            let (_, key) = next.split_once("pageKey=").context("a key")?;
            path = format!("/v1/endusers?pageKey={key}");
            places.push(key.to_owned());
        }
    }

    /// A page behind so many users, as near as the places are, and how many these are. `None`: the first page.
    pub(crate) fn members_at(
        &self,
        places: &Places,
        depth: Option<usize>,
    ) -> anyhow::Result<(usize, PathBuf)> {
        let path = format!("/v1/{}/user/?limit={PAGE}", self.slug());
        match depth {
            None => Ok((0, self.same("members-0", &self.admin, &path)?)),
            Some(depth) => {
                let at = place(places, depth)?;
                let path = format!("{path}&continuation_token={}", places[at]);
                Ok(((at + 1) * STRIDE, self.same(&format!("members-{depth}"), &self.admin, &path)?))
            }
        }
    }

    /// As [`Self::members_at`].
    pub(crate) fn contacts_at(
        &self,
        places: &Places,
        depth: Option<usize>,
    ) -> anyhow::Result<(usize, PathBuf)> {
        let path = format!("/v1/endusers?pageLimit={PAGE}");
        match depth {
            None => Ok((0, self.same("contacts-0", &self.token, &path)?)),
            Some(depth) => {
                let at = place(places, depth)?;
                let path = format!("{path}&pageKey={}", places[at]);
                Ok(((at + 1) * STRIDE, self.same(&format!("contacts-{depth}"), &self.token, &path)?))
            }
        }
    }

    pub(crate) fn list_members(&self, places: &Places) -> anyhow::Result<PathBuf> {
        let slug = self.slug();
        self.vary("list-members", &self.admin, 11, |rng| {
            format!("/v1/{slug}/user/?limit={PAGE}&continuation_token={}", rng.pick(whole(places)))
        })
    }

    pub(crate) fn list_contacts(&self, places: &Places) -> anyhow::Result<PathBuf> {
        self.vary("list-contacts", &self.token, 12, |rng| {
            format!("/v1/endusers?pageLimit={PAGE}&pageKey={}", rng.pick(whole(places)))
        })
    }

    /// Pages of operators from `first` to `last`, by their number, in the orders that people look at.
    pub(crate) fn list_operators(&self, name: &str, first: usize, last: usize) -> anyhow::Result<PathBuf> {
        let path = self.operators_path();
        self.vary(name, &self.operator, 13, |rng| {
            let order = rng.pick(&["createdAt", "name", "email"]);
            let page = first + rng.below(last - first + 1);
            format!("{path}?linesPerPage={PAGE}&page={page}&orderBy={order}&direction=ASC")
        })
    }

    // ---- Searches ------------------------------------------------------------------------------

    /// A search in one of the three directories, for needles that are drawn.
    pub(crate) fn search(
        &self,
        of: As,
        name: &str,
        mut needle: impl FnMut(&mut Rng) -> String,
    ) -> anyhow::Result<PathBuf> {
        let (prefix, suffix, token, word) = match of {
            As::Member => (format!("/v1/{}/user/search/?query=", self.slug()), "", &self.admin, "member"),
            As::Contact => {
                (format!("/admin/v1/{}/contacts?query=", self.slug()), "&limit=20", &self.admin, "contact")
            }
            As::Operator => (
                format!("{}?searchTerms=", self.operators_path()),
                "&linesPerPage=20",
                &self.operator,
                "operator",
            ),
        };
        self.vary(&format!("search-{word}-{name}"), token, 14, |rng| {
            format!("{prefix}{}{suffix}", needle(rng).replace(' ', "%20").replace('é', "%C3%A9"))
        })
    }

    /// The name of somebody who is there.
    pub(crate) fn full_name(&self, of: As, rng: &mut Rng) -> String {
        let Person { first_name, last_name, .. } = person(of, 0, rng.below(self.organization.users));
        format!("{first_name} {last_name}")
    }
}

/// The place that is behind so many users, or the last with a whole page behind it.
fn place(places: &Places, depth: usize) -> anyhow::Result<usize> {
    ensure!(places.len() > 1, "too few users for a page at some depth");
    Ok((depth.div_ceil(STRIDE) - 1).min(places.len() - 2))
}

/// The places with a whole page behind them.
fn whole(places: &Places) -> &[String] {
    &places[..places.len().saturating_sub(1).max(1)]
}
