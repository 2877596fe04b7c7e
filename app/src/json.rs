//! JSON objects, and nothing else that `serde` would take for one.

use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A value that was written as an object. By itself `serde` also reads a structure from an array of its fields.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let object = Map::<String, Value>::deserialize(from)?;
        T::deserialize(Value::Object(object))
            .map(Self)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_no_object() {
        #[derive(Debug, Deserialize)]
        struct One {
            a: Option<u8>,
        }
        let one: Object<One> = serde_json::from_str(r#"{"a":1}"#).unwrap();
        assert_eq!(one.0.a, Some(1));
        assert!(serde_json::from_str::<One>("[1]").is_ok());
        assert!(serde_json::from_str::<Object<One>>("[1]").is_err());
    }
}
