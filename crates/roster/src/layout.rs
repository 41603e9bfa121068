//! Which cell of a record is which.

use crate::Unreadable;

/// The columns, in the order in which they stand where there is no header.
pub const COLUMNS: [&str; 8] =
    ["email", "name", "company", "role", "password", "environmentUuid", "environmentName", "bot"];

/// Without these a header is of no use.
const NEEDED: [Column; 4] = [Column::Email, Column::Name, Column::Role, Column::Password];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Email,
    Name,
    Company,
    Role,
    Password,
    Environment,
    EnvironmentName,
    Bot,
}

/// Where each column stands in a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    places: [Option<usize>; COLUMNS.len()],
    /// Cells of a record; more than these are too many.
    pub(crate) width: usize,
}

impl Layout {
    /// The layout that the first record speaks for, and whether that record is a header.
    pub(crate) fn of_first(cells: &[String]) -> Result<(Self, bool), Unreadable> {
        let is = |cell: &String, name: &str| cell.trim().eq_ignore_ascii_case(name);
        if !cells.iter().any(|cell| is(cell, COLUMNS[Column::Email as usize])) {
            return Ok((Self { places: std::array::from_fn(Some), width: COLUMNS.len() }, false));
        }
        let mut places = [None; COLUMNS.len()];
        for (name, place) in COLUMNS.iter().zip(&mut places) {
            let mut found = cells.iter().enumerate().filter(|(_, cell)| is(cell, name)).map(|(at, _)| at);
            *place = found.next();
            if found.next().is_some() {
                return Err(Unreadable::Repeated(name));
            }
        }
        let missing = NEEDED.into_iter().filter(|column| places[*column as usize].is_none());
        let missing: Vec<&str> = missing.map(|column| COLUMNS[column as usize]).collect();
        if !missing.is_empty() {
            return Err(Unreadable::Missing(missing));
        }
        Ok((Self { places, width: cells.len() }, true))
    }

    /// The cell of a column; empty where the record is short or the file has no such column.
    pub(crate) fn cell<'c>(&self, cells: &'c [String], column: Column) -> &'c str {
        self.places[column as usize].and_then(|at| cells.get(at)).map_or("", String::as_str)
    }

    /// Whether something stands behind the last column.
    pub(crate) fn has_surplus(&self, cells: &[String]) -> bool {
        cells.iter().skip(self.width).any(|cell| !cell.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(Layout, bool), String> {
        let cells: Vec<String> = text.split(';').map(str::to_owned).collect();
        Layout::of_first(&cells).map_err(|error| error.to_string())
    }

    #[test]
    fn a_header_names_columns_in_any_order_and_letter_case() {
        let (layout, is_header) = of("bot; PASSWORD ;Role;note;eMail;name;").unwrap();
        assert!(is_header);
        let cells: Vec<String> = "b;p;r;n;e;m;;x".split(';').map(str::to_owned).collect();
        let found =
            [Column::Bot, Column::Password, Column::Role, Column::Email, Column::Name, Column::Company]
                .map(|column| layout.cell(&cells, column).to_owned());
        assert_eq!(found, ["b", "p", "r", "e", "m", ""]);
        assert!(layout.has_surplus(&cells) && !layout.has_surplus(&cells[..7]));
    }

    #[test]
    fn without_a_cell_email_the_first_record_is_data() {
        let (layout, is_header) = of("ada@x.org;name;company;role;password").unwrap();
        assert!(!is_header);
        assert_eq!(layout.width, 8);
    }

    #[test]
    fn a_header_without_what_is_needed_is_refused() {
        assert_eq!(of("email;role;name").unwrap_err(), "The header lacks the column password");
        assert_eq!(of("email;bot").unwrap_err(), "The header lacks the columns name, role, password");
        assert_eq!(of("email;name;role;password;NAME").unwrap_err(), "The header has the column name twice");
    }
}
