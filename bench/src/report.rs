//! The places in docs/performance.md that this program writes: each between two marks, so that what stands around them is a
//! person's.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use anyhow::Context as _;

const END: &str = "<!-- end of what was measured -->";

/// Says what has just been done, and how long after the first word.
pub(crate) fn progress(text: &str) {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let seconds = BEGUN.elapsed().as_secs();
    eprintln!("{:>2}:{:02}  {text}", seconds / 60, seconds % 60);
}

/// A place in the page, or beside it.
#[derive(Clone, Copy)]
pub(crate) enum Section<'a> {
    /// The table of targets of an engine.
    Targets(&'a str),
    /// A table of growth of an engine, with its plot: by what, and the plot.
    Growth(&'a str, &'a str, &'a str),
    /// The table of denizen beside others.
    Beside,
}

impl Section<'_> {
    fn mark(self) -> String {
        let name = match self {
            Self::Targets(engine) => format!("targets on {engine}"),
            Self::Growth(engine, by, _) => format!("growth by {by} on {engine}"),
            Self::Beside => "beside others".to_owned(),
        };
        format!("<!-- measured, {name}: written by bench, not by hand -->")
    }
}

/// Puts a text into its place, and a plot into a file of its own.
pub(crate) fn rewrite(section: Section<'_>, text: &str) -> anyhow::Result<()> {
    let mut text = text.to_owned();
    if let Section::Growth(engine, by, svg) = section {
        let name = format!("growth-{by}-{}.svg", engine.to_lowercase());
        let folder = docs().join("performance");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&name), svg)?;
        text =
            format!("![What a request costs on {engine} as {by} become more](performance/{name})\n\n{text}");
    }
    let file = docs().join("performance.md");
    let page = fs::read_to_string(&file)?;
    fs::write(file, replaced(&page, &section.mark(), &text)?)?;
    Ok(())
}

fn replaced(page: &str, mark: &str, text: &str) -> anyhow::Result<String> {
    let (before, rest) =
        page.split_once(mark).with_context(|| format!("docs/performance.md has lost its mark `{mark}`"))?;
    let (_, after) = rest.split_once(END).context("docs/performance.md has lost the mark behind it")?;
    Ok(format!("{before}{mark}\n\n{}\n\n{END}{after}", text.trim()))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_everything_that_is_measured() -> anyhow::Result<()> {
        let page = fs::read_to_string(docs().join("performance.md"))?;
        replaced(&page, &Section::Beside.mark(), "")?;
        for engine in ["SQLite", "PostgreSQL"] {
            replaced(&page, &Section::Targets(engine).mark(), "")?;
            for by in ["users", "organizations"] {
                replaced(&page, &Section::Growth(engine, by, "").mark(), "")?;
            }
        }
        Ok(())
    }

    #[test]
    fn what_stands_around_a_place_stays() -> anyhow::Result<()> {
        let page = format!("above\n<m>\nold\n{END}\nbelow\n<n>\nother\n{END}\n");
        let new = replaced(&page, "<m>", "new\n")?;
        assert_eq!(new, format!("above\n<m>\n\nnew\n\n{END}\nbelow\n<n>\nother\n{END}\n"));
        Ok(())
    }
}
