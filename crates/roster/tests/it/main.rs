//! What a file costs, which has a process of its own: memory that was used once is not given back.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs;

use denizen_domain::operator::PasswordPolicy;
use denizen_roster::{Reading, Terms, Verdict};

/// The most memory that this process has had so far, in KiB.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Reads a file with so many operators of two rows each, far from each other; how many entries there were.
fn read(operators: usize) -> usize {
    let terms = Terms {
        policy: PasswordPolicy::default(),
        memory: 256 << 10,
        folder: None,
        keys: [[1; 32], [2; 32]],
    };
    let mut reading = Reading::new(terms);
    let environment = "00000000-0000-4000-8000-000000000001";
    for bot in 1..=2 {
        for number in 0..operators {
            let mut row = String::new();
            let mail = number * 7_919 % operators;
            write!(row, "u{mail}@x.org;Somebody Or Other;A company;editor;Passw0rd;{environment};Test;")
                .unwrap();
            writeln!(row, "00000000-0000-4000-8000-0000000000f{bot}").unwrap();
            reading.feed(row.as_bytes()).unwrap();
        }
    }
    let mut entries = reading.finish().unwrap();
    let (mut found, mut line) = (0, 0);
    while let Some(entry) = entries.next_entry().unwrap() {
        assert!(entry.line > line, "in the order of the file");
        line = entry.line;
        let Verdict::Candidate(candidate) = entry.verdict else { panic!("{:?}", entry.verdict) };
        assert_eq!(candidate.environments[environment].bots.len(), 2);
        found += 1;
    }
    found
}

#[test]
fn a_file_of_many_times_the_memory_takes_no_more_of_it() {
    // So that what every file takes is there before.
    assert_eq!(read(2_000), 2_000);
    let before = peak();
    // Some 9 MiB of text, and three times as much as rows in memory.
    assert_eq!(read(30_000), 30_000);
    let more = peak() - before;
    assert!(more < 4 << 10, "{more} KiB");
}
