//! The operators of the demonstration, with the environments and bots that they look after: the same on every machine, and
//! reached by nobody.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use denizen_directory::ingest::{BotRecord, EnvironmentRecord, Record};
use denizen_directory::operators::{AccessInput, EnvironmentInput, NewOperator, Welcome};
use denizen_directory::{Directory, ErrorCode};
use denizen_domain::ids::Uuid;
use denizen_domain::operator::OperatorRole;
use tokio::task::{JoinSet, LocalSet};

use super::help_desk::fixed;
use super::people::{self, Person};
use super::{SLUG, all_done};
use crate::credentials::FirstOperator;

/// The first of them, and the only one with a password.
pub const ADMINISTRATOR: &str = "admin@example.com";
/// How many there are, with the first.
pub const COUNT: usize = 40;
/// The file with more of them.
const FILE: &str = "demo-operators.csv";

/// The kinds of ids; those below are the help desk's.
const ENVIRONMENT: u16 = 7;
const BOT: u16 = 8;

/// Name, and whether it is active.
const ENVIRONMENTS: [(&str, bool); 3] = [("Production", true), ("Staging", true), ("Archive", false)];
/// Name, the place of the environment, and whether it is active.
const BOTS: [(&str, usize, bool); 8] = [
    ("Sales", 0, true),
    ("Support", 0, true),
    ("Billing", 0, true),
    ("Sales", 1, true),
    ("Support", 1, true),
    ("Experiments", 1, false),
    ("Summer campaign", 2, true),
    ("Support, first edition", 2, true),
];

fn id(kind: u16, place: usize) -> Uuid {
    fixed(kind, u32::try_from(place).expect("there are a few of each"))
}

/// The environments, and then the bots.
pub fn records() -> Vec<Record> {
    let environment = |(place, (name, is_active)): (usize, (&str, bool))| {
        let name = name.to_owned();
        Record::Environment(EnvironmentRecord { environment_id: id(ENVIRONMENT, place), name, is_active })
    };
    let bot = |(place, (name, environment, is_active)): (usize, (&str, usize, bool))| {
        Record::Bot(BotRecord {
            bot_id: id(BOT, place),
            environment_id: id(ENVIRONMENT, environment),
            name: name.to_owned(),
            image_url: Some(format!("https://pictures.example.com/bots/{place}.png")),
            is_active,
        })
    };
    let environments = ENVIRONMENTS.into_iter().enumerate().map(environment);
    environments.chain(BOTS.into_iter().enumerate().map(bot)).collect()
}

/// All of them but the first: some of the people, who work for the demonstration's suppliers, too.
fn others() -> impl Iterator<Item = NewOperator> {
    people::all().step_by(7).take(COUNT - 1).enumerate().map(|(number, person)| operator(number, &person))
}

fn operator(number: usize, person: &Person) -> NewOperator {
    let local = person.email.split_once('@').map_or(person.email.as_str(), |(local, _)| local);
    let company = ["Demo", "Northwind Agency", "Blue Harbour"][number % 3];
    NewOperator {
        name: format!("{} {}", person.first_name, person.last_name),
        email: format!("{local}@agency.example.com"),
        company: (number % 4 != 3).then(|| company.to_owned()),
        image: number.is_multiple_of(5).then(|| format!("https://pictures.example.com/people/{number}.png")),
        access: access(number),
        password: None,
    }
}

/// One in eight administers; the others are supervisors, editors and viewers of one environment or two.
fn access(number: usize) -> AccessInput {
    let role = match number % 8 {
        0 => return AccessInput { is_admin: true, environments: Vec::new() },
        1 | 2 => OperatorRole::Supervisor,
        3..=5 => OperatorRole::Editor,
        _ => OperatorRole::Viewer,
    };
    let places: &[usize] = [&[0, 1], &[0][..], &[1]][number % 3];
    let reach = |place: &usize| {
        let here = BOTS
            .iter()
            .enumerate()
            .filter(|(_, (_, environment, is_active))| environment == place && *is_active);
        let bots = here.map(|(bot, _)| Some(id(BOT, bot)));
        let most = if role == OperatorRole::Supervisor { 0 } else { 1 + number % 2 };
        EnvironmentInput { role, environment: Some(id(ENVIRONMENT, *place)), bots: bots.take(most).collect() }
    };
    AccessInput { is_admin: false, environments: places.iter().map(reach).collect() }
}

/// Makes all but the first who are not there yet.
pub async fn fill(directory: &Directory) -> denizen_directory::Result<()> {
    let local = LocalSet::new();
    let mut adding = JoinSet::new();
    for new in others() {
        let directory = directory.clone();
        let add = async move {
            match directory.create_operator_for(SLUG, new, Welcome::Silent).await {
                // Added by the start that was interrupted.
                Err(error) if error.code == ErrorCode::EmailTaken => Ok(()),
                added => added.map(drop),
            }
        };
        adding.spawn_local_on(add, &local);
    }
    local.run_until(all_done(adding)).await
}

/// Five more of them as a file, to be sent; one line of it is wrong, so that it is seen what is said then. Its passwords are
/// for trying only, but others on the machine need not read it.
pub fn write_file(folder: &Path, first: &FirstOperator) -> std::io::Result<PathBuf> {
    let (production, staging) = (id(ENVIRONMENT, 0), id(ENVIRONMENT, 1));
    let (sales, support, elsewhere) = (id(BOT, 0), id(BOT, 1), id(BOT, 3));
    let lines = format!(
        "email;name;company;role;password;environmentUuid;environmentName;bot\n\
         olga.new@agency.example.com;Olga New;Blue Harbour;ADMIN;Welcome-2026;;;\n\
         taro.new@agency.example.com;新しい 太郎;;EDITOR;Welcome-2026;{production};Production;{sales}\n\
         taro.new@agency.example.com;;;EDITOR;;{production};Production;{support}\n\
         ines.new@agency.example.com;Inês New;Demo;SUPERVISOR;Welcome-2026;{staging};Staging;\n\
         ana.new@agency.example.com;Ana New;Demo;VIEWER;Welcome-2026;{production};Production;{elsewhere}\n\
         {};Somebody Else;Demo;ADMIN;Welcome-2026;;;\n",
        first.email
    );
    std::fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(lines.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use denizen_domain::text::Email;

    use super::*;

    #[test]
    fn there_are_so_many_operators_of_every_role_and_each_has_an_address() {
        let all: Vec<NewOperator> = others().collect();
        let addresses: BTreeSet<String> = all.iter().map(|one| Email::key_of(&one.email)).collect();
        assert_eq!((all.len() + 1, addresses.len() + 1), (COUNT, COUNT));
        let count = |role: OperatorRole| {
            all.iter().filter(|one| one.access.environments.iter().any(|entry| entry.role == role)).count()
        };
        assert_eq!(OperatorRole::ALL.map(count), [10, 15, 9]);
        assert_eq!(all.iter().filter(|one| one.access.is_admin).count(), 5);
    }

    #[test]
    fn operators_are_given_what_is_active_only() {
        let active = |id: &Uuid, kind: u16, are: &dyn Fn(usize) -> bool| {
            (0..BOTS.len()).any(|place| super::id(kind, place) == *id && are(place))
        };
        for entry in others().flat_map(|one| one.access.environments) {
            let environment = entry.environment.unwrap();
            assert!(active(&environment, ENVIRONMENT, &|place| ENVIRONMENTS[place].1));
            assert_eq!(entry.bots.is_empty(), entry.role == OperatorRole::Supervisor);
            for bot in entry.bots {
                let is_here = |place: usize| BOTS[place].2 && id(ENVIRONMENT, BOTS[place].1) == environment;
                assert!(active(&bot.unwrap(), BOT, &is_here));
            }
        }
    }
}
