//! Files of chance: who is in them is made or told of, and what is given out can be taken in again.

use std::collections::{BTreeMap, BTreeSet};

use denizen_domain::permission::model::Rng;

use super::*;

/// A row as its cells, before anything is quoted.
type Cells = [String; 8];

fn pick<'c>(rng: &mut Rng, choices: &[&'c str]) -> &'c str {
    choices[rng.below(choices.len())]
}

/// With few addresses many rows have the same; much that is right, so that some are made.
fn random_row(rng: &mut Rng, addresses: usize) -> Cells {
    let ids = [TEST, LIVE, OFF, ALPHA, BETA, GAMMA, OFF_BOT].map(|id| id.to_string());
    let [test, live, off, alpha, beta, gamma, off_bot] = ids.each_ref().map(String::as_str);
    let n = rng.below(addresses);
    let upper = if rng.below(5) == 0 { "A" } else { "a" };
    let email = match rng.below(30) {
        0 => String::new(),
        1 => "no address".to_owned(),
        2 => format!("+{n}@x.org"),
        _ => format!("{upper}{n}@x.org"),
    };
    // One operator's rows mostly agree.
    let role = if rng.below(15) == 0 {
        pick(rng, &["", "owner", "viewer"])
    } else {
        ["ADMIN", "supervisor", "Editor", "viewer"][n % 4]
    };
    let environment = pick(rng, &[test, test, test, live, live, off, "", "x"]);
    let name = if environment == live { "=Live" } else { "Test" };
    let bots: &[&str] = if environment == live {
        &[gamma, gamma, gamma, alpha]
    } else {
        &[alpha, alpha, beta, beta, off_bot, ""]
    };
    [
        email,
        pick(
            rng,
            &["=Name; \"of\" it", "=Name; \"of\" it", "=Name; \"of\" it", "=Name; \"of\" it", "", "Other"],
        )
        .to_owned(),
        pick(rng, &["", "", "", "'@Acme\nLtd"]).to_owned(),
        role.to_owned(),
        pick(rng, &["Abcde;1", "Abcde;1", "Abcde;1", "Abcde;1", "Abcde;1", "", "weak"]).to_owned(),
        environment.to_owned(),
        name.to_owned(),
        pick(rng, bots).to_owned(),
    ]
}

fn quoted(rng: &mut Rng, cell: &str) -> String {
    let must = cell.contains(['"', ';', ',', '\t', '\n', '\r']);
    if must || rng.below(6) == 0 { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// A file in a form of chance: separator, header, order of columns, ends of lines, blank lines.
fn file(rng: &mut Rng, rows: &[Cells]) -> String {
    let separator = pick(rng, &[";", ",", "\t"]);
    let end = pick(rng, &["\n", "\r\n"]);
    let mut order: Vec<usize> = (0..8).collect();
    let has_header = rng.below(4) > 0;
    if has_header {
        for at in (1..8).rev() {
            order.swap(at, rng.below(at + 1));
        }
    }
    let mut text = if rng.below(2) == 0 { "\u{feff}".to_owned() } else { String::new() };
    let header = columns().map(str::to_owned);
    for row in has_header.then_some(&header).into_iter().chain(rows) {
        let cells: Vec<String> = order.iter().map(|at| quoted(rng, &row[*at])).collect();
        text += &(cells.join(separator) + end);
        if rng.below(10) == 0 {
            text += &(pick(rng, &["", " ", "   "]).to_owned() + end);
        }
    }
    text
}

/// How many there have to be of whom something is told or made: an address each, a row without one each, and each row that
/// repeats its address while nothing is wrong with the rows of it. Rows are compared with each other, in no clever way.
fn expected(rows: &[Cells]) -> u64 {
    let mut count = 0;
    let mut of_address: BTreeMap<String, Vec<&Cells>> = BTreeMap::new();
    for row in rows {
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if row[0].is_empty() {
            count += 1;
        } else {
            of_address.entry(row[0].to_lowercase()).or_default().push(row);
        }
    }
    for rows in of_address.values() {
        count += 1;
        for at in 1..rows.len() {
            let earlier = &rows[..at];
            if rows[..=at].iter().enumerate().all(|(nth, row)| is_sound(row, nth == 0, rows[0]))
                && says_nothing_new(rows[at], earlier)
            {
                count += 1;
            }
        }
    }
    count
}

fn is_sound(row: &Cells, is_first: bool, first: &Cells) -> bool {
    let [email, name, company, role, password, environment, _, bot] = row;
    let agrees = |cell: &str, other: &str| cell == other || cell.is_empty() && !is_first;
    let role = role.to_lowercase();
    email.contains("@x.org")
        && ["admin", "supervisor", "editor", "viewer"].contains(&role.as_str())
        && role == first[3].to_lowercase()
        && !(is_first && (name.is_empty() || password.is_empty()))
        && password != "weak"
        && agrees(name, &first[1])
        && agrees(company, &first[2])
        && agrees(password, &first[4])
        && (role == "admin" || !environment.is_empty())
        && (role == "admin" || role == "supervisor" || !bot.is_empty())
}

fn says_nothing_new(row: &Cells, earlier: &[&Cells]) -> bool {
    row[3].eq_ignore_ascii_case("admin")
        || earlier.iter().any(|other| other[5] == row[5] && (row[7].is_empty() || other[7] == row[7]))
}

#[tokio::test]
async fn whoever_is_in_a_file_of_chance_is_made_or_told_of_once() {
    let mut rng = Rng::new(77);
    let mut made = 0;
    let server = TestServer::start().await;
    for round in 0..12 {
        let team = Team::at(server.clone(), &format!("org-{round}")).await;
        let rows: Vec<Cells> = (0..=rng.below(150)).map(|_| random_row(&mut rng, 40)).collect();
        let text = file(&mut rng, &rows);
        let tried = team.dry_run(&text).await;
        let (created, told) = team.import(&text).await;
        assert_eq!(tried, (created, told.clone()), "a dry run tells what comes");
        assert_eq!(created + told.len() as u64, expected(&rows), "{text}");
        let there = team.operators().await;
        assert_eq!(there.len() as u64, created);
        let addresses: BTreeSet<String> = rows.iter().map(|row| row[0].to_lowercase()).collect();
        assert!(there.iter().all(|view| addresses.contains(&view.operator.email.to_lowercase())));
        made += created;
    }
    assert!(made > 50, "{made}");
}

#[tokio::test]
async fn what_is_given_out_changes_nothing_where_it_comes_from_and_makes_the_same_elsewhere() {
    let mut rng = Rng::new(5);
    let team = Team::new().await;
    let rows: Vec<Cells> = (0..500).map(|_| random_row(&mut rng, 300)).collect();
    let (created, _) = team.import(&file(&mut rng, &rows)).await;
    assert!(created > 30, "{created}");
    let given = team.export().await;
    assert!(given.contains("'=Name") && given.contains("'=Live"), "{given}");

    // There, each fails, for a password is missing; and with passwords, for each is there already.
    let (again, told) = team.import(&given).await;
    assert_eq!((again, told.len() as u64), (0, created));
    assert_eq!(team.export().await, given);
    let filled = filled(&given);
    let (again, told) = team.import(&filled).await;
    assert_eq!(again, 0);
    assert!(told.iter().all(|line| line.ends_with("The email is already in use")), "{told:?}");
    assert_eq!(team.export().await, given);

    let elsewhere = Team::at(team.server.clone(), "elsewhere").await;
    let (moved, told) = elsewhere.import(&filled).await;
    assert_eq!((moved, told), (created, vec![]));
    let sorted = |text: String| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(elsewhere.export().await), sorted(given));
}

/// The file with a password in each row. It is read by its cells, as somebody would in a spreadsheet.
fn filled(given: &str) -> String {
    let mut out = String::new();
    let (mut column, mut in_quotes, mut is_header) = (0, false, true);
    for c in given.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            ';' if !in_quotes => {
                if column == 4 && !is_header {
                    out += "Abcde1";
                }
                column += 1;
            }
            '\n' if !in_quotes => (column, is_header) = (0, false),
            _ => {}
        }
        out.push(c);
    }
    out
}
