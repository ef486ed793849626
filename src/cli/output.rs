//! Printing: a table for people, JSON or CSV for programs.
//!
//! Text from phones is printed on administrators' terminals, so control characters never pass.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};

/// How results are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// Columns for people.
    Table,
    /// The whole for programs.
    Json,
    /// The columns for spreadsheets, RFC 4180.
    Csv,
}

/// Where and how results go.
#[derive(Debug)]
pub(super) struct Output {
    shape: Shape,
}

/// Rows with what they look like in columns.
pub(super) struct Rows<'r> {
    /// Names of the columns.
    pub(super) columns: &'r [&'r str],
    /// A cell for each column.
    pub(super) cells: Vec<Vec<String>>,
    /// The same for programs.
    pub(super) json: Value,
}

impl Output {
    /// As asked, or as standard output suggests.
    pub(super) fn new(asked: Option<Shape>) -> Self {
        let usual = if io::stdout().is_terminal() { Shape::Table } else { Shape::Json };
        Self { shape: asked.unwrap_or(usual) }
    }

    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }

    /// Prints rows.
    pub(super) fn rows(&self, rows: &Rows<'_>) {
        match self.shape {
            Shape::Table => self.text(&table(rows)),
            Shape::Json => self.json(&rows.json),
            Shape::Csv => self.text(&csv(rows)),
        }
    }

    /// Prints a value as JSON.
    pub(super) fn json(&self, value: &Value) {
        self.text(&serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// Prints text that ends with a line. Whoever closed the pipe has seen enough.
    pub(super) fn text(&self, text: &str) {
        let mut out = io::stdout().lock();
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{text}{end}").and_then(|()| out.flush());
    }
}

/// Text that does nothing to a terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

pub(super) fn table(rows: &Rows<'_>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(rows.columns.iter().map(|name| name.to_uppercase()));
    for row in &rows.cells {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

pub(super) fn csv(rows: &Rows<'_>) -> String {
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let quoted: Vec<String> = cells.map(quote).collect();
        out.push_str(&quoted.join(","));
        // RFC 4180 section 2: lines end with CRLF.
        out.push_str("\r\n");
    };
    line(&mut rows.columns.iter().copied());
    for row in &rows.cells {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

/// RFC 4180 section 2, rules 5 to 7.
fn quote(cell: &str) -> String {
    let cell = harmless(cell);
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
