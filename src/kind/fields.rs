//! The names of a type's fields, as its `Deserialize` tells them: so nobody writes them a second time.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// The fields of a struct; none if the type is none, or does not tell.
pub(super) fn of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    T::deserialize(Asks).err().and_then(|Told(fields)| fields)
}

/// Reads nothing, and notes what a type asks for.
struct Asks;

/// What was asked for.
#[derive(Debug)]
struct Told(Option<&'static [&'static str]>);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is read here")
    }
}

impl std::error::Error for Told {}

impl Error for Told {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl<'de> Deserializer<'de> for Asks {
    type Error = Told;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Told> {
        Err(Told(None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Told> {
        Err(Told(Some(fields)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields are asked for")]
    struct Outputs {
        arn: String,
        #[serde(rename = "zoneId")]
        zone_id: Option<String>,
    }

    #[test]
    fn a_struct_tells_its_fields_by_the_names_of_its_json() {
        assert_eq!(super::of::<Outputs>(), Some(&["arn", "zoneId"][..]));
        assert_eq!(super::of::<serde_json::Value>(), None);
    }
}
