//! Writing CSV that is given to people.

use std::io::{self, Write};

use crate::neutral::neutralised;

/// Writes rows with semicolons between the cells, as the layout has them. No cell is taken for a formula.
pub struct RowWriter<W>(pub W);

impl<W: Write> RowWriter<W> {
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let mut line = String::new();
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                line.push(';');
            }
            let cell = neutralised(cell);
            // Readers that guess the separator see no other one.
            let needs_quotes = cell.contains(['"', ';', ',', '\t', '\r', '\n']) || cell.trim() != cell;
            if needs_quotes {
                line.push('"');
                line.push_str(&cell.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(&cell);
            }
        }
        line.push_str("\r\n");
        self.0.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be_and_are_no_formulas() {
        let mut out = RowWriter(Vec::new());
        out.row(["ada@x.org", "Ada \"A\"", "=SUM(A1;A2)", "a\nb", "", " x"]).unwrap();
        assert_eq!(
            String::from_utf8(out.0).unwrap(),
            "ada@x.org;\"Ada \"\"A\"\"\";\"'=SUM(A1;A2)\";\"a\nb\";;\" x\"\r\n"
        );
    }
}
