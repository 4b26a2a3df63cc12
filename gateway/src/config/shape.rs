//! The schema as the walk over a file needs it: what may stand somewhere, as a short list of alternatives.

use serde_json::{Map, Value};

/// A JSON Schema and where in it we are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'s> {
    root: &'s Value,
    at: &'s Value,
}

/// One way to write a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'s> {
    root: &'s Value,
    keys: &'s Map<String, Value>,
}

impl<'s> Shape<'s> {
    /// The shape of a whole file.
    pub(super) const fn new(root: &'s Value) -> Self {
        Self { root, at: root }
    }

    /// All ways to write a value of this shape, references followed; empty where anything goes.
    pub(super) fn forms(self) -> Vec<Form<'s>> {
        let mut forms = Vec::new();
        self.collect(&mut forms);
        forms
    }

    fn collect(self, forms: &mut Vec<Form<'s>>) {
        let Value::Object(keys) = self.at else { return };
        let inside = |at| Shape {
            root: self.root,
            at,
        };
        if let Some(target) = keys.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|p| self.root.pointer(p));
            found.into_iter().for_each(|at| inside(at).collect(forms));
            return;
        }
        match keys.get("anyOf").or_else(|| keys.get("oneOf")) {
            Some(Value::Array(branches)) => {
                branches.iter().for_each(|at| inside(at).collect(forms));
            }
            _ => forms.push(Form {
                root: self.root,
                keys,
            }),
        }
    }

    /// What a key of this shape is for, and how it may look.
    pub(super) fn about(self) -> About<'s> {
        let text = |key| self.at.get(key).and_then(Value::as_str);
        let example = |at: &'s Value| at.get("examples")?.get(0);
        let form_example = || {
            let forms = self.forms();
            forms
                .iter()
                .find_map(|form| form.keys.get("examples")?.get(0))
        };
        About {
            description: text("description").unwrap_or_default(),
            example: example(self.at).or_else(form_example),
        }
    }
}

/// What the documentation says of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'s> {
    pub(super) description: &'s str,
    pub(super) example: Option<&'s Value>,
}

impl<'s> Form<'s> {
    /// Whether a value of this JSON type fits; `integer` fits `number`.
    pub(super) fn takes(&self, kind: &str) -> bool {
        let named = |name: &Value| name.as_str() == Some(kind);
        match self.keys.get("type") {
            Some(Value::Array(names)) => names.iter().any(named),
            Some(name) => named(name),
            None => kind == "string" && !self.words().is_empty(),
        }
    }

    /// Whether nothing is said about the type.
    pub(super) fn takes_anything(&self) -> bool {
        !self.keys.contains_key("type") && self.words().is_empty()
    }

    /// The texts that are allowed, where the list is closed.
    pub(super) fn words(&self) -> Vec<&'s str> {
        let listed = match (self.keys.get("const"), self.keys.get("enum")) {
            (Some(word), _) => std::slice::from_ref(word),
            (None, Some(Value::Array(words))) => words,
            _ => &[],
        };
        listed.iter().filter_map(Value::as_str).collect()
    }

    /// Name of a type that is written as a text or number, such as `span` or `uint32`.
    pub(super) fn format(&self) -> Option<&'s str> {
        self.keys.get("format").and_then(Value::as_str)
    }

    /// The named keys of a map, in the order of the documentation.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'s str, Shape<'s>)> + use<'s> {
        let root = self.root;
        let properties = self.keys.get("properties").and_then(Value::as_object);
        let pairs = properties.into_iter().flatten();
        pairs.map(move |(name, at)| (name.as_str(), Shape { root, at }))
    }

    /// What may stand under `name`, named or not; nothing where the key is unknown.
    pub(super) fn property(&self, name: &str) -> Option<Shape<'s>> {
        let shape = |at| Shape {
            root: self.root,
            at,
        };
        let named = self.keys.get("properties").and_then(|p| p.get(name));
        named
            .map(shape)
            .or_else(|| match self.keys.get("additionalProperties") {
                None | Some(Value::Bool(false)) => None,
                Some(at) => Some(shape(at)),
            })
    }

    /// Names of the keys that must be there.
    pub(super) fn required(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let names = self.keys.get("required").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    }

    /// What the entries of a list are.
    pub(super) fn items(&self) -> Option<Shape<'s>> {
        let at = self.keys.get("items")?;
        Some(Shape {
            root: self.root,
            at,
        })
    }

    /// Whether this is one choice of several: a map with exactly this key.
    pub(super) fn choice(&self) -> Option<&'s str> {
        let mut names = self.properties().map(|(name, _)| name);
        let only = names.next().filter(|_| names.next().is_none())?;
        let closed = self.keys.get("additionalProperties") == Some(&Value::Bool(false));
        (closed && self.required().eq([only])).then_some(only)
    }
}
