//! The table of targets: every line of it, measured on one engine.

pub(crate) mod callers;
mod company;
mod erasing;
mod footprint;
mod intake;
mod reads;
pub(crate) mod row;
mod writes;

use std::path::Path;

use self::callers::Callers;
use self::row::Row;
use crate::data::Data;
use crate::report::progress;
use crate::server::Server;
use crate::turns::Plan;

pub(crate) use self::footprint::program;

/// What is known when several parts have ended.
#[derive(Default)]
pub(crate) struct Figures {
    /// The most memory that a server has had, in MB.
    peak: f64,
}

impl Figures {
    /// Notes a server that is about to be stopped.
    fn peak(&mut self, server: &Server) -> anyhow::Result<()> {
        self.peak = self.peak.max(server.memory()?.1);
        Ok(())
    }
}

pub(crate) fn measure(program: &Path, data: &Data, plan: &Plan) -> anyhow::Result<Vec<Row>> {
    let mut figures = Figures::default();
    let mut rows = reads::measure(program, data, plan, &mut figures)?;
    let copy = data.place.copy("written")?;
    let server = Server::start(program, &copy)?;
    let callers = Callers::sign_in(&server, data.largest(), &copy.folder)?;
    rows.extend(writes::measure(&server, &callers, data, &copy, plan)?);
    rows.extend(intake::ndjson(program, data, &copy, plan)?);
    // Before anonymizations, whose scrubs would hold its own up.
    rows.push(erasing::measure(program, &server, &callers, data, &copy, plan)?);
    progress("targets: erasing is measured");
    rows.push(intake::csv(&server, &callers, plan)?);
    progress("targets: import is measured");
    rows.push(company::measure(&server, &callers, plan)?);
    progress("targets: reads beside writes are measured");
    figures.peak(&server)?;
    server.stop()?;
    copy.remove()?;
    rows.extend(footprint::measure(program, data, plan, &figures)?);
    Ok(rows)
}
