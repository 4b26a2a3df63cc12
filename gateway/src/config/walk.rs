//! Finds all that is wrong with the form of a file in one pass: unknown, repeated and missing keys, values of the
//! wrong type, amounts without unit. Serde would stop at the first of them.
//!
//! Serde stays the judge: what it would accept is never refused here, and what passes here is still read by it.

mod scalar;

use router_policies::nearest;

use super::former::{self, Former};
use super::problem::Problem;
use super::shape::{Form, Shape};
use super::tree::{Content, Entry, Id, Tree};

/// What a walk found.
#[derive(Debug)]
pub(super) struct Walked {
    /// Everything that is wrong with the form of the file.
    pub(super) problems: Vec<Problem>,
    /// Paths of the entries of sections that have a problem, such as `routes[2]` or `models.small`, each once; nothing
    /// where a problem is not within an entry.
    pub(super) damaged: Option<Vec<String>>,
}

/// What a key is called now that has another name, by the path of its map and its name.
type Renamed = fn(&str, &str) -> Option<&'static Former>;

/// Checks the form of a configuration.
pub(super) fn walk(tree: &Tree, shape: Shape<'_>) -> Walked {
    walk_with(tree, shape, former::find)
}

/// Checks the form of a file of another kind, whose keys never had other names.
pub(super) fn walk_other(tree: &Tree, shape: Shape<'_>) -> Walked {
    walk_with(tree, shape, |_, _| None)
}

fn walk_with(tree: &Tree, shape: Shape<'_>, renamed: Renamed) -> Walked {
    let mut walker = Walker {
        tree,
        renamed,
        path: String::new(),
        ends: Vec::new(),
        problems: Vec::new(),
        damaged: Some(Vec::new()),
    };
    walker.value(Spot::entry(tree.root()), shape);
    Walked {
        problems: walker.problems,
        damaged: walker.damaged,
    }
}

/// A value and the key before it, which is none for entries of lists.
#[derive(Debug, Clone, Copy)]
struct Spot {
    id: Id,
    key: Option<Id>,
}

impl Spot {
    const fn entry(id: Id) -> Self {
        Self { id, key: None }
    }

    const fn under(entry: &Entry) -> Self {
        Self {
            id: entry.value,
            key: Some(entry.key),
        }
    }
}

struct Walker<'t> {
    tree: &'t Tree,
    renamed: Renamed,
    /// Path of the value at hand.
    path: String,
    /// Lengths of the path after each of its steps.
    ends: Vec<usize>,
    problems: Vec<Problem>,
    damaged: Option<Vec<String>>,
}

impl<'t> Walker<'t> {
    fn value(&mut self, at: Spot, shape: Shape<'_>) {
        let forms = shape.forms();
        if forms.is_empty() || forms.iter().any(Form::takes_anything) {
            return;
        }
        match &self.tree.get(at.id).content {
            content if content.is_null() => self.null(at, shape, &forms),
            Content::Scalar { text, plain } => {
                if let Some(problem) = scalar::problem(text, *plain, &forms, shape) {
                    self.note(problem, at);
                }
            }
            Content::List(entries) => self.list(entries, at, shape, &forms),
            Content::Map(entries) => self.map(entries, at, shape, &forms),
        }
    }

    fn null(&mut self, at: Spot, shape: Shape<'_>, forms: &[Form<'_>]) {
        if !forms.iter().any(|form| form.takes("null")) {
            let what = format!("the value is missing; {}", scalar::suggestion(shape, forms));
            self.note(Problem::new(what), at);
        }
    }

    fn list(&mut self, entries: &'t [Id], at: Spot, shape: Shape<'_>, forms: &[Form<'_>]) {
        let Some(form) = forms.iter().find(|form| form.takes("array")) else {
            self.note(scalar::wrong_type("a list", shape, forms), at);
            return;
        };
        let Some(items) = form.items() else { return };
        for (index, entry) in entries.iter().enumerate() {
            self.within(&format!("[{index}]"), |walker| {
                walker.value(Spot::entry(*entry), items);
            });
        }
    }

    fn map(&mut self, entries: &'t [Entry], at: Spot, shape: Shape<'_>, forms: &[Form<'_>]) {
        let maps: Vec<&Form<'_>> = forms.iter().filter(|form| form.takes("object")).collect();
        let choices: Vec<&str> = maps.iter().filter_map(|form| form.choice()).collect();
        let form = match maps.as_slice() {
            [] => {
                self.note(scalar::wrong_type("a map", shape, forms), at);
                return;
            }
            [form] => *form,
            several if choices.len() == several.len() => {
                let Some(form) = self.chosen(entries, at, several, &choices) else {
                    return;
                };
                form
            }
            // Nobody knows which one was meant: serde decides.
            _ => return,
        };
        self.keys(entries, at, form);
    }

    /// The form of a map whose only key says which of several things it is.
    fn chosen<'f, 's>(
        &mut self,
        entries: &[Entry],
        at: Spot,
        forms: &[&'f Form<'s>],
        choices: &[&str],
    ) -> Option<&'f Form<'s>> {
        let known = choices.join("`, `");
        let [entry] = entries else {
            let what = format!("one of these keys must be here, and only one: `{known}`");
            self.note(
                Problem::new(what).with_help("keep the one that is meant"),
                at,
            );
            return None;
        };
        let name = self.tree.text(entry.key);
        let found = forms.iter().find(|form| form.choice() == Some(name));
        if found.is_none() {
            self.unknown(entry.key, choices);
        }
        found.copied()
    }

    /// The entries of a map; then what is missing, unless it is there under a name that was meant for it.
    fn keys(&mut self, entries: &[Entry], at: Spot, form: &Form<'_>) {
        let mut meant = Vec::new();
        for entry in entries {
            let name = self.tree.text(entry.key);
            if let Some(shape) = form.property(name) {
                let dot = if self.path.is_empty() { "" } else { "." };
                self.within(&format!("{dot}{name}"), |walker| {
                    walker.value(Spot::under(entry), shape);
                });
                meant.push(name);
            } else {
                let known: Vec<&str> = form.properties().map(|(name, _)| name).collect();
                meant.extend(self.unknown(entry.key, &known));
            }
        }
        for name in form.required() {
            if !meant.contains(&name)
                && let Some(shape) = form.property(name)
            {
                self.missing(name, shape, at);
            }
        }
    }

    /// Notes an unknown key. Returns the known one that was probably meant.
    fn unknown<'n>(&mut self, key: Id, known: &[&'n str]) -> Option<&'n str> {
        let name = self.tree.text(key);
        let former = (self.renamed)(&self.path, name);
        let similar = nearest(name, known);
        let all = format!("the keys here are: {}", known.join(", "));
        let help = match (former, similar) {
            (Some(former), _) => format!("{} {}", former.help(), sentence(&all)),
            (None, Some(similar)) => format!("did you mean `{similar}`? {}", sentence(&all)),
            (None, None) => all,
        };
        let problem = Problem::new(format!("there is no key `{name}`")).with_help(help);
        self.push(problem.at(self.tree.get(key).place));
        match former {
            Some(former) => known
                .iter()
                .copied()
                .find(|name| *name == former.successor()),
            None => similar,
        }
    }

    fn missing(&mut self, name: &str, shape: Shape<'_>, at: Spot) {
        let about = shape.about();
        let written = match about.example {
            Some(example) => format!("{name}: {example}"),
            None => name.to_owned(),
        };
        let help = format!("add `{written}`: {}", about.description);
        self.note(
            Problem::new(format!("`{name}` is missing")).with_help(help),
            at,
        );
    }

    /// A problem with a value, shown at its key if it is more than a text.
    fn note(&mut self, problem: Problem, at: Spot) {
        let place = self.tree.place_of(at.key, at.id);
        self.push(problem.at(place));
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem.of_key(self.path.as_str()));
        let entry = self.ends.get(1).and_then(|end| self.path.get(..*end));
        match (entry, &mut self.damaged) {
            (Some(entry), Some(damaged)) => {
                if damaged.last().is_none_or(|last| last != entry) {
                    damaged.push(entry.to_owned());
                }
            }
            (None, damaged) => *damaged = None,
            (Some(_), None) => {}
        }
    }

    fn within(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        self.ends.push(self.path.len());
        look(self);
        self.ends.pop();
        self.path.truncate(length);
    }
}

/// The text with a capital first letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests;
