//! A recording: what was written down of many requests, by route.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use router_policies::{NamedScorer, Probability};
use sha2::{Digest, Sha256};

use super::ReplayError;
use super::row::{self, Row, Split};
use crate::ledger::Usd;

/// All rows of a recording, by route.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) routes: BTreeMap<String, RouteRecording>,
    /// Rows whose id another row of their route has already.
    pub(super) repeated: u64,
}

/// The rows of one route, in file order.
#[derive(Debug, Default)]
pub(super) struct RouteRecording {
    pub(super) rows: Vec<Recorded>,
    /// Names of the features of every row; empty if the rows have none.
    pub(super) names: Vec<String>,
    /// Features of all rows, one after the other, each in the order of `names`.
    features: Vec<f64>,
    marks: Marks,
}

/// What is kept of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    /// As written: a probability, or a log-probability where [`RouteRecording::is_logarithmic`].
    pub(super) confidence: Option<f64>,
    pub(super) local: Probability,
    pub(super) upstream: Probability,
    pub(super) local_cost: Option<Usd>,
    pub(super) upstream_cost: Option<Usd>,
    pub(super) split: Split,
}

/// Lines on which something was first seen, for messages.
#[derive(Debug, Default)]
struct Marks {
    negative: Option<u64>,
    positive: Option<u64>,
    split: Option<u64>,
    unsplit: Option<u64>,
}

impl Recording {
    /// Reads JSON Lines from a file, or from standard input for `-`. `progress` is told how many bytes were read.
    pub(super) fn read(path: &Path, progress: impl FnMut(u64)) -> Result<Self, ReplayError> {
        let file = path.display().to_string();
        let unreadable = |source: io::Error| ReplayError::Unreadable {
            file: file.clone(),
            source,
        };
        let source: Box<dyn Read> = if path.as_os_str() == "-" {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path).map_err(unreadable)?)
        };
        let mut reader = Reader {
            file: file.clone(),
            recording: Self::default(),
            seen: HashSet::new(),
        };
        reader.read(source, progress)?;
        if reader.recording.routes.is_empty() {
            return Err(ReplayError::Empty { file });
        }
        Ok(reader.recording)
    }
}

impl RouteRecording {
    /// Whether the confidences are log-probabilities: some are negative.
    pub(super) const fn is_logarithmic(&self) -> bool {
        self.marks.negative.is_some()
    }

    /// Whether the rows say which are for calibration.
    pub(super) const fn is_split(&self) -> bool {
        self.marks.split.is_some()
    }

    /// Rows that say how confident the local model was.
    pub(super) fn confident(&self) -> usize {
        let confident = |row: &&Recorded| row.confidence.is_some();
        self.rows.iter().filter(confident).count()
    }

    /// The features of a row; empty if there are none.
    pub(super) fn features(&self, index: usize) -> &[f64] {
        let width = self.names.len();
        self.features
            .get(index * width..(index + 1) * width)
            .unwrap_or_default()
    }
}

struct Reader {
    file: String,
    recording: Recording,
    /// Hashes of routes and ids.
    seen: HashSet<u64>,
}

impl Reader {
    fn read(
        &mut self,
        source: impl Read,
        mut progress: impl FnMut(u64),
    ) -> Result<(), ReplayError> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let (mut line, mut number, mut bytes) = (Vec::new(), 0_u64, 0_u64);
        loop {
            line.clear();
            let read = source.read_until(b'\n', &mut line);
            let read = read.map_err(|source| ReplayError::Unreadable {
                file: self.file.clone(),
                source,
            })?;
            if read == 0 {
                return Ok(());
            }
            number += 1;
            bytes += u64::try_from(read).unwrap_or(0);
            // Some editors begin a file with a byte order mark.
            let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line);
            if !text.trim_ascii().is_empty() {
                let row = row::parse(text).map_err(|(column, problem)| ReplayError::Line {
                    file: self.file.clone(),
                    line: number,
                    column,
                    problem,
                })?;
                self.keep(&row, number)?;
            }
            if number.is_multiple_of(4096) {
                progress(bytes);
            }
        }
    }

    fn keep(&mut self, row: &Row<'_>, line: u64) -> Result<(), ReplayError> {
        let (hash, half) = place(row);
        if !self.seen.insert(hash) {
            self.recording.repeated += 1;
        }
        let routes = &mut self.recording.routes;
        if !routes.contains_key(row.route.as_ref()) {
            routes.insert(row.route.clone().into_owned(), RouteRecording::default());
        }
        let Some(route) = routes.get_mut(row.route.as_ref()) else {
            return Ok(());
        };
        route
            .marks
            .note(row, line)
            .and_then(|()| route.learn_names(row))
            .map_err(|problem| ReplayError::Line {
                file: self.file.clone(),
                line,
                column: 1,
                problem,
            })?;
        if let Some(named) = &row.features {
            route.features.extend(named.values());
        }
        route.rows.push(Recorded {
            confidence: row.confidence,
            local: row.local_correct,
            upstream: row.upstream_correct,
            local_cost: row.local_cost,
            upstream_cost: row.upstream_cost,
            split: row.split.unwrap_or(half),
        });
        Ok(())
    }
}

/// A row's identity, and the half that its id falls into where no split is given: the same in every run and on
/// every machine.
fn place(row: &Row<'_>) -> (u64, Split) {
    let mut digest = Sha256::new();
    digest.update(row.id.as_bytes());
    let half = digest.clone().finalize();
    let half = if half.first().is_some_and(|byte| byte % 2 == 0) {
        Split::Calibration
    } else {
        Split::Test
    };
    digest.update([0]);
    digest.update(row.route.as_bytes());
    let hash = digest.finalize();
    let hash = hash
        .iter()
        .take(8)
        .fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    (hash, half)
}

impl Marks {
    /// Refuses a row that contradicts an earlier one of its route.
    fn note(&mut self, row: &Row<'_>, line: u64) -> Result<(), String> {
        match row.confidence {
            Some(value) if value < 0.0 => _ = self.negative.get_or_insert(line),
            Some(value) if value > 0.0 => _ = self.positive.get_or_insert(line),
            _ => {}
        }
        let split = match row.split {
            Some(_) => &mut self.split,
            None => &mut self.unsplit,
        };
        split.get_or_insert(line);
        if let (Some(negative), Some(positive)) = (self.negative, self.positive) {
            return Err(format!(
                "`confidence` is a log-probability on line {negative} and a probability on line {positive}; write one \
                 kind per route"
            ));
        }
        if let (Some(with), Some(without)) = (self.split, self.unsplit) {
            return Err(format!(
                "`split` is given on line {with} and missing on line {without}; give it on every row of a route or on \
                 none"
            ));
        }
        Ok(())
    }
}

impl RouteRecording {
    /// Every row of a route has the features that its first has.
    fn learn_names(&mut self, row: &Row<'_>) -> Result<(), String> {
        let mut found = row.features.iter().flat_map(BTreeMap::keys);
        if self.rows.is_empty() {
            self.names = found.cloned().collect();
            return if self.names.len() > NamedScorer::MOST {
                Err(format!(
                    "`features` has more than {} names",
                    NamedScorer::MOST
                ))
            } else {
                Ok(())
            };
        }
        if self.names.iter().eq(found.by_ref()) {
            Ok(())
        } else {
            Err("`features` has other names than on the first row of the route; give all rows the same".to_owned())
        }
    }
}
