//! Query parameters: `Filter.1.Value.2=x` as a tree.

use std::collections::BTreeMap;

use crate::error::Error;

/// No model nests deeper than about ten; a name has three parts per level at most.
const MOST_PARTS: usize = 48;

#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) value: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.get(name)
    }

    /// A parameter of this very name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.children.get(name)?.value.as_deref()
    }

    /// The children that have a number for a name, in the order of the numbers.
    pub(crate) fn numbered(&self) -> Vec<&Self> {
        let mut found: Vec<(u64, &Self)> = self
            .children
            .iter()
            .filter_map(|(name, node)| Some((name.parse().ok()?, node)))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, node)| node).collect()
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}

/// The parameters of a query string and of a form body; the body's win.
pub(crate) fn read(query: &str, body: &[u8]) -> Result<Node, Error> {
    let mut root = Node::default();
    for (name, value) in
        form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body))
    {
        if name.split('.').count() > MOST_PARTS {
            return Err(Error::new(
                "MalformedQueryString",
                400,
                "A parameter name is nested too deeply.",
            ));
        }
        let mut node = &mut root;
        for part in name.split('.') {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.value = Some(value.into_owned());
    }
    Ok(root)
}
