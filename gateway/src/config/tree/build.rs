//! From the events of the YAML parser to a tree, with the limits kept on the way.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span};

use super::{Content, Entry, Id, MAX_ALIASED, MAX_DEPTH, Place, Tree, Value, limits, lines};
use crate::config::problem::Problem;

/// Reads `text`; what it says stops at the first event that makes no sense.
pub(super) fn build(text: &str, max_values: usize) -> Result<(Tree, Vec<Problem>), Vec<Problem>> {
    if let Some(problem) = limits::too_large(text) {
        return Err(vec![problem]);
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder {
        max_values,
        ..Builder::default()
    };
    while let Some(next) = parser.next_event() {
        let step = next
            .map_err(|error| syntax(&error, text))
            .and_then(|(event, span)| builder.take(event, span));
        if let Err(problem) = step {
            builder.problems.push(problem);
            return Err(builder.problems);
        }
    }
    let root = builder.root.ok_or_else(|| vec![empty()])?;
    let tree = Tree {
        values: builder.values,
        root,
    };
    Ok((tree, builder.problems))
}

fn empty() -> Problem {
    Problem::new("the file is empty; write at least one entry under `routes`").at(Place::START)
}

/// What the parser says, at a place that is in the file: it likes to point behind the end.
fn syntax(error: &ScanError, text: &str) -> Problem {
    let marker = error.marker();
    let last = lines(text).count().max(1);
    let line = marker.line().clamp(1, last);
    let width = lines(text).nth(line - 1).map_or(0, |l| l.chars().count());
    let column = if line == marker.line() {
        marker.col().min(width) + 1
    } else {
        width + 1
    };
    tab(text, line).unwrap_or_else(|| Problem::new(error.info()).at(Place::point(line, column)))
}

/// The tab that indents `line` or one of the two before it, where YAML wants spaces.
fn tab(text: &str, line: usize) -> Option<Problem> {
    let first = line.saturating_sub(3);
    let near = lines(text).enumerate().skip(first).take(line - first);
    let found = near.into_iter().find_map(|(index, content)| {
        let indent = content.len() - content.trim_start().len();
        let before = content.get(..indent)?;
        Some((index + 1, before.chars().position(|c| c == '\t')? + 1))
    })?;
    let problem =
        "a tab is used for indentation; YAML indents with spaces, replace the tabs by spaces";
    Some(Problem::new(problem).at(Place::point(found.0, found.1)))
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    is_map: bool,
    /// The children; in a map keys and values by turns.
    children: Vec<Id>,
}

impl Open {
    const fn new(place: Place, anchor: usize, is_map: bool) -> Self {
        Self {
            place,
            anchor,
            is_map,
            children: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Builder {
    max_values: usize,
    values: Vec<Value>,
    /// Of each value: how many values it is, aliases written out.
    sizes: Vec<usize>,
    open: Vec<Open>,
    anchors: HashMap<usize, Id>,
    /// Values behind aliases so far.
    aliased: usize,
    documents: usize,
    root: Option<Id>,
    problems: Vec<Problem>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = place(span);
        match event {
            Event::DocumentStart(..) => self.document(place),
            Event::Scalar(text, style, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                let plain = style == ScalarStyle::Plain;
                let text = text.as_ref().into();
                let id = self.add(place, Content::Scalar { text, plain }, 1)?;
                self.finish(id, anchor);
                Ok(())
            }
            Event::SequenceStart(_, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                self.start(Open::new(place, anchor, false))
            }
            Event::MappingStart(_, anchor, tag) => {
                no_tag(tag.is_some(), span)?;
                self.start(Open::new(place, anchor, true))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn document(&mut self, place: Place) -> Result<(), Problem> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Problem::new(
                "a second document starts here; a configuration is one document, remove the `---`",
            )
            .at(place));
        }
        Ok(())
    }

    fn start(&mut self, open: Open) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(limits::too_deep(open.place));
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let size = open
            .children
            .iter()
            .fold(1, |sum: usize, child| sum.saturating_add(self.size(*child)));
        let content = if open.is_map {
            Content::Map(self.entries(&open.children)?)
        } else {
            Content::List(open.children)
        };
        let id = self.add(open.place, content, size)?;
        self.finish(id, open.anchor);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Problem> {
        let Some(&target) = self.anchors.get(&anchor) else {
            let problem =
                "this alias lies within the value it names; a value cannot contain itself";
            return Err(Problem::new(problem).at(place));
        };
        self.aliased = self.aliased.saturating_add(self.size(target));
        if self.aliased > MAX_ALIASED {
            return Err(limits::too_much_aliased(place));
        }
        self.finish(target, 0);
        Ok(())
    }

    fn add(&mut self, place: Place, content: Content, size: usize) -> Result<Id, Problem> {
        if self.values.len() >= self.max_values {
            return Err(limits::too_many(place, self.max_values));
        }
        self.values.push(Value { place, content });
        self.sizes.push(size);
        Ok(Id(self.values.len() - 1))
    }

    /// Gives a finished value to the list or map around it.
    fn finish(&mut self, id: Id, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        match self.open.last_mut() {
            Some(around) => around.children.push(id),
            None => self.root = Some(id),
        }
    }

    fn size(&self, id: Id) -> usize {
        self.sizes.get(id.0).copied().unwrap_or(1)
    }

    /// The entries of a map from its keys and values by turns. Repeated keys are noted and left out.
    fn entries(&mut self, children: &[Id]) -> Result<Vec<Entry>, Problem> {
        let mut entries = Vec::with_capacity(children.len() / 2);
        let mut merged = Vec::new();
        let mut repeated = Vec::new();
        let mut seen: HashMap<&str, Id> = HashMap::new();
        for pair in children.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            let Some(Value {
                content: Content::Scalar { text, plain },
                ..
            }) = self.values.get(key.0)
            else {
                return Err(self.not_a_key(key));
            };
            if *plain && &**text == "<<" {
                merged.push(value);
            } else if let Some(&first) = seen.get(&**text) {
                repeated.push((key, first));
            } else {
                seen.insert(text, key);
                entries.push(Entry { key, value });
            }
        }
        self.merge(&merged, &mut entries)?;
        for (key, first) in repeated {
            let problem = self.repeated(key, first);
            self.problems.push(problem);
        }
        Ok(entries)
    }

    /// Appends what is merged with `<<`; what the map writes itself wins, then what comes first.
    fn merge(&self, sources: &[Id], entries: &mut Vec<Entry>) -> Result<(), Problem> {
        if sources.is_empty() {
            return Ok(());
        }
        let mut known: HashSet<&str> = entries.iter().map(|e| self.text(e.key)).collect();
        for source in sources {
            let maps: &[Id] = match self.values.get(source.0).map(|v| &v.content) {
                Some(Content::List(maps)) => maps,
                _ => std::slice::from_ref(source),
            };
            for map in maps {
                let Some(Value {
                    content: Content::Map(added),
                    ..
                }) = self.values.get(map.0)
                else {
                    return Err(self.problem(*map, "`<<` takes in the keys of maps, and this is none; write `<<: *name` or `<<: [*name, *other]`"));
                };
                for entry in added {
                    if known.insert(self.text(entry.key)) {
                        entries.push(*entry);
                    }
                }
            }
        }
        Ok(())
    }

    fn text(&self, id: Id) -> &str {
        match self.values.get(id.0).map(|v| &v.content) {
            Some(Content::Scalar { text, .. }) => text,
            _ => "",
        }
    }

    fn not_a_key(&self, id: Id) -> Problem {
        self.problem(
            id,
            "a list or map cannot be a key; write a name, in quotes if it has brackets or braces",
        )
    }

    fn repeated(&self, key: Id, first: Id) -> Problem {
        let name = self.text(key);
        let problem = self.problem(
            key,
            &format!("the key `{name}` is written twice; keep one of them"),
        );
        match self.values.get(first.0) {
            Some(value) => problem.with_note("it is first written here", value.place),
            None => problem,
        }
    }

    fn problem(&self, id: Id, text: &str) -> Problem {
        let place = self.values.get(id.0).map_or(Place::START, |v| v.place);
        Problem::new(text).at(place)
    }
}

fn no_tag(tagged: bool, span: Span) -> Result<(), Problem> {
    if !tagged {
        return Ok(());
    }
    let start = span.tag_start.unwrap_or(span.start);
    let place = Place::point(start.line().max(1), start.col() + 1);
    Err(Problem::new("tags such as `!name` mean nothing here; remove it, or put a text that starts with `!` in quotes").at(place))
}

fn place(span: Span) -> Place {
    let (start, end) = (span.start, span.end);
    // What goes on in the next line takes all of this one; the excerpt knows where that ends.
    let width = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        usize::MAX
    };
    Place {
        line: start.line().max(1),
        column: start.col() + 1,
        width: width.max(1),
    }
}
