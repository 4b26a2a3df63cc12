//! Makes a document of a file whose form is wrong in places, so that the rest of it can be checked in the same run.
//! What is damaged is replaced by something harmless; nothing that is made here ever answers a request.

use serde_json::{Map, Value as Json, json};

use super::document::{self, Document};
use super::shape::{Form, Shape};
use super::tree::{Content, Id, Tree};

/// The document without its `damaged` parts, paths such as `routes[2]` or `models.small`. Nothing if a part cannot be
/// done without.
pub(super) fn repair(tree: &Tree, shape: Shape<'_>, damaged: &[String]) -> Option<Document> {
    let mut sections = Map::new();
    let lacks_a_route = damaged.iter().any(|path| path.starts_with("routes["));
    for entry in tree.entries(tree.root()) {
        let name = tree.text(entry.key);
        // It may be the one that an alias stands for.
        if name == "aliases" && lacks_a_route {
            continue;
        }
        let shape = property(shape, name)?;
        let section = match &tree.get(entry.value).content {
            Content::List(entries) => list(tree, name, entries, shape, damaged)?,
            Content::Map(_) => map(tree, name, entry.value, shape, damaged)?,
            Content::Scalar { .. } => json(tree, entry.value, shape)?,
        };
        sections.insert(name.to_owned(), section);
    }
    if lacks_a_route {
        // It may be the one that takes the rest.
        sections.insert("unmatched".to_owned(), json!("reject"));
    }
    serde_json::from_value(Json::Object(sections)).ok()
}

/// Whether a problem at `key` may come from what was put in place of something damaged.
pub(super) fn hides(damaged: &[String], key: &str) -> bool {
    damaged.iter().any(|path| {
        let rest = key.strip_prefix(path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

fn list(
    tree: &Tree,
    name: &str,
    entries: &[Id],
    shape: Shape<'_>,
    damaged: &[String],
) -> Option<Json> {
    let items = shape.forms().iter().find_map(Form::items)?;
    let mut repaired = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        repaired.push(if damaged.contains(&format!("{name}[{index}]")) {
            stand_in(name, index)?
        } else {
            json(tree, *entry, items)?
        });
    }
    Some(Json::Array(repaired))
}

fn map(tree: &Tree, name: &str, id: Id, shape: Shape<'_>, damaged: &[String]) -> Option<Json> {
    let mut repaired = Map::new();
    for (index, entry) in tree.entries(id).iter().enumerate() {
        let key = tree.text(entry.key);
        let value = if damaged.contains(&format!("{name}.{key}")) {
            // Bounds have defaults and nothing refers to an alias; what has a name may be referred to.
            if name == "limits" || name == "aliases" {
                continue;
            }
            stand_in(name, index)?
        } else {
            json(tree, entry.value, property(shape, key)?)?
        };
        repaired.insert(key.to_owned(), value);
    }
    Some(Json::Object(repaired))
}

/// Something that is right by itself and takes part in nothing.
fn stand_in(section: &str, index: usize) -> Option<Json> {
    let name = format!("damaged-{index}");
    match section {
        "routes" => Some(json!({ "name": name, "match": { "model": name } })),
        "models" => Some(json!({ "path": ".", "cost_per_hour": "0" })),
        "upstreams" => Some(json!({ "base_url": "http://localhost" })),
        "keys" => Some(json!({ "name": name, "key": format!("sha256:{}", "0".repeat(64)) })),
        _ => None,
    }
}

fn property<'s>(shape: Shape<'s>, name: &str) -> Option<Shape<'s>> {
    shape.forms().iter().find_map(|form| form.property(name))
}

/// A value whose form is right.
fn json(tree: &Tree, id: Id, shape: Shape<'_>) -> Option<Json> {
    match &tree.get(id).content {
        content if content.is_null() => Some(Json::Null),
        Content::Scalar { text, plain } => Some(scalar(text, *plain, &shape.forms())),
        Content::List(entries) => {
            let items = shape.forms().iter().find_map(Form::items)?;
            let entries = entries.iter().map(|entry| json(tree, *entry, items));
            entries.collect::<Option<_>>().map(Json::Array)
        }
        Content::Map(entries) => {
            let entries = entries.iter().map(|entry| {
                let key = tree.text(entry.key);
                Some((
                    key.to_owned(),
                    json(tree, entry.value, property(shape, key)?)?,
                ))
            });
            entries.collect::<Option<_>>().map(Json::Object)
        }
    }
}

fn scalar(text: &str, plain: bool, forms: &[Form<'_>]) -> Json {
    let typed = ["boolean", "integer", "number"];
    let is_typed = forms
        .iter()
        .any(|form| typed.iter().any(|kind| form.takes(kind)));
    let as_text = || Json::from(text);
    if plain && is_typed && !forms.iter().any(|form| form.takes("string")) {
        document::strict(text).unwrap_or_else(|_| as_text())
    } else {
        as_text()
    }
}
