//! From bytes to records: encoding, separator, quotation marks, and the line in which each record begins.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::Unreadable;
use crate::separator::separator;

/// Bytes of a cell that are kept. No cell of a row that is in order is nearly as long, so what is cut off makes no other
/// row pass.
pub const MAX_CELL: usize = 4_096;

/// Cells of a record that are kept; of those behind them it is only known whether one has something in it.
pub(crate) const MAX_CELLS: usize = 256;

/// How much of a file is looked at for its separator.
const HEAD: usize = 64 << 10;

const BOM: &[u8] = "\u{feff}".as_bytes();

type Take<'t> = &'t mut dyn FnMut(u64, &[String]) -> Result<(), Unreadable>;

/// Makes records of pieces. Every record with something in it is handed on with the number of its first line.
#[derive(Default)]
pub(crate) struct Records {
    encoding: Encoding,
    /// What came before the separator was known.
    head: Vec<u8>,
    parser: Option<Parser>,
}

impl Records {
    pub(crate) fn feed(&mut self, piece: &[u8], take: Take<'_>) -> Result<(), Unreadable> {
        self.encoding.check(piece)?;
        if let Some(parser) = &mut self.parser {
            return parser.feed(piece, take);
        }
        self.head.extend_from_slice(piece);
        self.begin(self.head.len() >= HEAD, take)
    }

    fn begin(&mut self, is_all: bool, take: Take<'_>) -> Result<(), Unreadable> {
        // Fewer bytes than that may be the beginning of a byte order mark.
        if self.head.len() < BOM.len() && !is_all {
            return Ok(());
        }
        let text = self.head.strip_prefix(BOM).unwrap_or(&self.head);
        let Some(separator) = separator(text, is_all) else { return Ok(()) };
        let parser = self.parser.insert(Parser::new(separator));
        parser.feed(text, take)?;
        self.head = Vec::new();
        Ok(())
    }

    pub(crate) fn finish(mut self, take: Take<'_>) -> Result<(), Unreadable> {
        self.encoding.finish()?;
        if self.parser.is_none() {
            self.begin(true, take)?;
        }
        self.parser.expect("the separator of a whole file is known").finish(take)
    }
}

/// Whether the bytes are UTF-8, over the borders of pieces.
#[derive(Default)]
struct Encoding {
    /// The beginning of a character of which the rest has not come.
    begun: Vec<u8>,
}

impl Encoding {
    fn check(&mut self, mut piece: &[u8]) -> Result<(), Unreadable> {
        while !self.begun.is_empty() {
            let Some((next, rest)) = piece.split_first() else { return Ok(()) };
            self.begun.push(*next);
            piece = rest;
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Unreadable::Encoding),
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                self.begun.extend_from_slice(&piece[error.valid_up_to()..]);
                Ok(())
            }
            Err(_) => Err(Unreadable::Encoding),
        }
    }

    fn finish(&self) -> Result<(), Unreadable> {
        if self.begun.is_empty() { Ok(()) } else { Err(Unreadable::Encoding) }
    }
}

struct Parser {
    reader: Box<Reader>,
    lines: Lines,
    /// Where the record begins that is being read; `None` before its first byte.
    begins: Option<u64>,
    /// What came of the cell that is being read. Twice as long as what is kept of it.
    cell: Box<[u8; MAX_CELL * 2]>,
    filled: usize,
    cells: Vec<String>,
    /// Whether a cell has something in it.
    has_text: bool,
}

impl Parser {
    fn new(separator: u8) -> Self {
        Self {
            reader: Box::new(ReaderBuilder::new().delimiter(separator).build()),
            lines: Lines { line: 1, after_return: false },
            begins: None,
            cell: Box::new([0; MAX_CELL * 2]),
            filled: 0,
            cells: Vec::new(),
            has_text: false,
        }
    }

    fn feed(&mut self, mut piece: &[u8], take: Take<'_>) -> Result<(), Unreadable> {
        while !piece.is_empty() {
            let (result, read, written) = self.reader.read_field(piece, &mut self.cell[self.filled..]);
            let (taken, rest) = piece.split_at(read);
            piece = rest;
            self.note(taken);
            self.filled += written;
            match result {
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {}
                ReadFieldResult::OutputFull => self.filled = MAX_CELL,
                ReadFieldResult::Field { record_end } => self.end_cell(record_end, take)?,
            }
        }
        Ok(())
    }

    /// Counts lines. The ends of lines before a record are no part of it.
    fn note(&mut self, taken: &[u8]) {
        for &byte in taken {
            if self.begins.is_none() && !matches!(byte, b'\r' | b'\n') {
                self.begins = Some(self.lines.line);
            }
            self.lines.note(byte);
        }
    }

    fn end_cell(&mut self, is_last: bool, take: Take<'_>) -> Result<(), Unreadable> {
        let bytes = &self.cell[..self.filled.min(MAX_CELL)];
        // The file is UTF-8, but for a character that was cut in two.
        let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let has_text = !text.trim().is_empty();
        self.has_text |= has_text;
        self.filled = 0;
        if self.cells.len() < MAX_CELLS {
            self.cells.push(text.to_owned());
        } else if has_text {
            // One more than there are of those that are kept: enough to be seen.
            text.clone_into(&mut self.cells[MAX_CELLS - 1]);
        }
        if !is_last {
            return Ok(());
        }
        let line = self.begins.take().unwrap_or(self.lines.line);
        let cells = std::mem::take(&mut self.cells);
        if std::mem::take(&mut self.has_text) { take(line, &cells) } else { Ok(()) }
    }

    fn finish(mut self, take: Take<'_>) -> Result<(), Unreadable> {
        // A record that the end of a line does not end is inside of quotation marks.
        let ended = self.begins;
        if ended.is_some() {
            self.feed(b"\n", take)?;
        }
        match ended.and(self.begins) {
            Some(line) => Err(Unreadable::OpenQuote(line)),
            None => Ok(()),
        }
    }
}

/// Counts lines, which end with LF, CR LF or CR.
struct Lines {
    line: u64,
    after_return: bool,
}

impl Lines {
    fn note(&mut self, byte: u8) {
        if byte == b'\r' || (byte == b'\n' && !self.after_return) {
            self.line += 1;
        }
        self.after_return = byte == b'\r';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<(u64, Vec<String>)>, String> {
        let mut found = Vec::new();
        let mut records = Records::default();
        let mut take = |line, cells: &[String]| {
            found.push((line, cells.to_vec()));
            Ok(())
        };
        for piece in pieces {
            records.feed(piece, &mut take).map_err(|error| error.to_string())?;
        }
        records.finish(&mut take).map_err(|error| error.to_string())?;
        Ok(found)
    }

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn records_have_the_lines_in_which_they_begin() {
        let text = "\u{feff}a;b\r\n\r\n ; \n\"c\r\nd\"\"\";e\rf;\"g\nh\"\n\n\ni;j";
        let expected = vec![
            (1, cells(&["a", "b"])),
            (4, cells(&["c\r\nd\"", "e"])),
            (6, cells(&["f", "g\nh"])),
            (10, cells(&["i", "j"])),
        ];
        assert_eq!(read(&[text.as_bytes()]), Ok(expected.clone()));
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), Ok(expected));
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_found() {
        let error = Err("Line 2: a quotation mark is not closed".to_owned());
        assert_eq!(read(&[b"a;b\nc;\"d\ne;f\n"]), error);
        assert_eq!(read(&[b"a;b\nc;\"d\"\"\n"]), error);
        assert_eq!(read(&[b"a;b\nc;\"d\""]).map(|found| found.len()), Ok(2));
        assert_eq!(read(&[b"a;b\nc;d"]).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn what_is_not_utf_8_is_refused_wherever_it_is_cut() {
        let text = "é;日本;🦀\n".as_bytes();
        for at in 0..text.len() {
            assert_eq!(read(&[&text[..at], &text[at..]]), Ok(vec![(1, cells(&["é", "日本", "🦀"]))]), "{at}");
        }
        let error = Err("The file is not encoded in UTF-8".to_owned());
        for bad in [
            &b"a;\xff\n"[..],
            b"a;\xe9b\n",
            b"a;\xc3",
            "a".encode_utf16().flat_map(u16::to_le_bytes).chain([0xd8]).collect::<Vec<u8>>().as_slice(),
        ] {
            assert_eq!(read(&[bad]), error, "{bad:?}");
            let bytes: Vec<&[u8]> = bad.chunks(1).collect();
            assert_eq!(read(&bytes), error, "{bad:?}");
        }
    }

    #[test]
    fn a_cell_is_cut_at_its_bound_and_the_next_is_whole() {
        let text = format!("{};b\nc;{}", "é".repeat(50_000), "x".repeat(MAX_CELL));
        let found = read(&[text.as_bytes()]).unwrap();
        assert_eq!(found[0].1, ["é".repeat(MAX_CELL / 2), "b".to_owned()]);
        assert_eq!(found[1].1, ["c".to_owned(), "x".repeat(MAX_CELL)]);
    }

    #[test]
    fn of_more_cells_than_are_kept_it_is_known_whether_they_are_empty() {
        let separators = ";".repeat(1_000);
        let found = read(&[format!("a{separators}\nb{separators}c\n").as_bytes()]).unwrap();
        assert_eq!((found[0].1.len(), found[1].1.len()), (MAX_CELLS, MAX_CELLS));
        assert_eq!((found[0].1[MAX_CELLS - 1].as_str(), found[1].1[MAX_CELLS - 1].as_str()), ("", "c"));
    }

    #[test]
    fn a_file_with_nothing_in_it_has_no_records() {
        for text in ["", "\u{feff}", "\n\r\n", " ;;\t;\n"] {
            assert_eq!(read(&[text.as_bytes()]), Ok(Vec::new()), "{text:?}");
        }
    }
}
