//! An XML answer as a small tree, for those who look for a few values in it.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element: its name without a prefix, its text, and the elements in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    pub name: String,
    text: String,
    children: Vec<Tree>,
}

impl Tree {
    pub(crate) fn read(document: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let done = match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    open.push(Self::begun(&start));
                    continue;
                }
                Event::Empty(start) => Self::begun(&start),
                Event::End(_) => open.pop().ok_or("it ends what it did not begin")?,
                Event::Text(text) => {
                    if let Some(current) = open.last_mut() {
                        current.text += &text.xml10_content().map_err(|error| error.to_string())?;
                    }
                    continue;
                }
                Event::GeneralRef(entity) => {
                    if let Some(current) = open.last_mut() {
                        current.text.push(character(&entity)?);
                    }
                    continue;
                }
                Event::Eof => return Err("it has no end".to_owned()),
                _ => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => return Ok(done),
            }
        }
    }

    fn begun(start: &BytesStart<'_>) -> Self {
        Self {
            name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(),
            ..Self::default()
        }
    }

    /// The first element of that name directly in this one.
    pub fn first(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements at the end of a path such as `reservationSet/item`, in order.
    pub fn all<'a>(&'a self, path: &str) -> Vec<&'a Self> {
        path.split('/').fold(vec![self], |found, name| {
            found
                .into_iter()
                .flat_map(|tree| tree.children.iter().filter(move |child| child.name == name))
                .collect()
        })
    }

    /// The text of the first element at the end of a path; empty where there is none.
    pub fn text(&self, path: &str) -> &str {
        path.split('/')
            .try_fold(self, |tree, name| tree.first(name))
            .map_or("", |tree| tree.text.as_str())
    }
}

/// XML's five entities, and characters by number.
fn character(entity: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = entity
        .resolve_char_ref()
        .map_err(|error| error.to_string())?
    {
        return Ok(character);
    }
    match &**entity {
        b"amp" => Ok('&'),
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"quot" => Ok('"'),
        b"apos" => Ok('\''),
        other => Err(format!("&{};", String::from_utf8_lossy(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_path() {
        let tree = Tree::read(
            b"<a:R xmlns:a='u'><set><item><id>1</id></item><item><id>2 &amp; &#51;</id></item></set><e/></a:R>",
        )
        .expect("it is XML");
        assert_eq!(tree.name, "R");
        let ids: Vec<&str> = tree
            .all("set/item")
            .iter()
            .map(|item| item.text("id"))
            .collect();
        assert_eq!(ids, ["1", "2 & 3"]);
        assert_eq!(tree.text("set/item/id"), "1");
        assert_eq!((tree.text("e"), tree.text("none/at/all")), ("", ""));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "plain", "<a>", "<a><b></a>"] {
            assert!(Tree::read(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
