//! The macros that declare Graph's objects: one type, or a choice of subtypes.

/// Declares a Graph object type: `"wire name" field: Type`, each a [`Field`](super::Field).
///
/// Adds `odata_type`, the catch-all `other`, `new()` (with the type's own `@odata.type`), `update_from` and the list of
/// property names that the conformance tests read. Without a type name it declares an object that has none on the wire, such as
/// the body of an action: built with `..Self::default()`, its `@odata.type` is one of the properties that it does not know.
macro_rules! graph_object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $odata_type:literal {
            $( $(#[$field_meta:meta])* $wire:literal $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        ///
        /// Build one with `..Self::new()`, so that `@odata.type` is written.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct $name {
            /// `@odata.type` as it was read, or as [`Self::new`] sets it.
            #[serde(rename = "@odata.type", skip_serializing_if = "crate::model::Field::is_absent")]
            pub odata_type: $crate::model::Field<String>,
            $(
                $(#[$field_meta])*
                #[serde(rename = $wire, skip_serializing_if = "crate::model::Field::is_absent")]
                pub $field: $crate::model::Field<$type>,
            )*
            /// Properties that this version does not know.
            #[serde(flatten)]
            pub other: $crate::model::Other,
        }

        impl $name {
            /// `@odata.type` of this type.
            pub const ODATA_TYPE: &'static str = $odata_type;
            /// Names on the wire of the properties that are typed here.
            pub const PROPERTIES: &'static [&'static str] = &[ $( $wire, )* ];

            /// An object with its `@odata.type` and nothing else.
            pub fn new() -> Self {
                Self { odata_type: Self::ODATA_TYPE.to_owned().into(), ..Self::default() }
            }

            /// Takes over what `newer` says; what it leaves out or nulls stays as it was.
            pub fn update_from(&mut self, newer: &Self) {
                self.odata_type.update_from(&newer.odata_type);
                $( self.$field.update_from(&newer.$field); )*
                self.other.update_from(&newer.other);
            }
        }

        graph_object!(@common $name { "@odata.type" odata_type, } { $( $wire $field, )* });
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* $wire:literal $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        ///
        /// Build one with `..Self::default()`: it has no `@odata.type` on the wire.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(rename = $wire, skip_serializing_if = "crate::model::Field::is_absent")]
                pub $field: $crate::model::Field<$type>,
            )*
            /// Properties that this version does not know.
            #[serde(flatten)]
            pub other: $crate::model::Other,
        }

        impl $name {
            /// Names on the wire of the properties that are typed here.
            pub const PROPERTIES: &'static [&'static str] = &[ $( $wire, )* ];
        }

        graph_object!(@common $name {} { $( $wire $field, )* });
    };
    (@common $name:ident { $( $type_wire:literal $type_field:ident, )* } { $( $wire:literal $field:ident, )* }) => {
        impl $name {
            pub(crate) fn from_object(mut object: $crate::model::Other) -> Self {
                Self {
                    $( $type_field: $crate::model::json::take(&mut object, $type_wire), )*
                    $( $field: $crate::model::json::take(&mut object, $wire), )*
                    other: object,
                }
            }

            /// Names of the properties that are typed here, but came with a value of another type and so sit in `other`.
            pub fn mistyped(&self) -> impl Iterator<Item = &'static str> + '_ {
                Self::PROPERTIES.iter().copied().filter(|name| self.other.contains_key(*name))
            }
        }

        $crate::model::object::read_object!($name);

        impl $crate::model::UnknownProperties for $name {
            fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
                found.extend(self.other.keys().map(|name| format!("{path}/{name}")));
                $( self.$field.collect_unknown(&format!("{path}/{}", $wire), found); )*
            }
        }
    };
}
pub(crate) use graph_object;

/// Reads a type that has `from_object`: from JSON, and through serde.
macro_rules! read_object {
    ($name:ident) => {
        impl $crate::model::json::FromJson for $name {
            fn from_json(value: serde_json::Value) -> Result<Self, serde_json::Value> {
                match value {
                    serde_json::Value::Object(object) => Ok(Self::from_object($crate::model::Other(object))),
                    strange => Err(strange),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// A property that is not of its type stays in `other` as it came, so only what is no object is an error.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$crate::model::Other as serde::Deserialize>::deserialize(deserializer).map(Self::from_object)
            }
        }
    };
}
pub(crate) use read_object;

/// Declares one of Graph's abstract types as a choice of its subtypes, told by `@odata.type`: `Variant(Type)`, or
/// `Variant(Box<Type>)` for a large one. Adds the variant `Unknown` for a type that this version does not know.
macro_rules! subtypes {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident($held:ty): $type:ident, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant($held), )+
            /// A type that this version does not know, kept as it came.
            Unknown($crate::model::Other),
        }

        $(
            impl From<$type> for $name {
                fn from(object: $type) -> Self {
                    Self::$variant(object.into())
                }
            }
        )+

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $( Self::$variant(object) => object.serialize(serializer), )+
                    Self::Unknown(object) => object.serialize(serializer),
                }
            }
        }

        impl $name {
            fn from_object(object: $crate::model::Other) -> Self {
                $(
                    if object.type_name().is_some() && object.type_name() == $type::ODATA_TYPE.rsplit('.').next() {
                        return $type::from_object(object).into();
                    }
                )+
                Self::Unknown(object)
            }
        }

        $crate::model::object::read_object!($name);

        impl $crate::model::UnknownProperties for $name {
            fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
                match self {
                    $( Self::$variant(object) => object.collect_unknown(path, found), )+
                    Self::Unknown(object) => object.collect_unknown(path, found),
                }
            }
        }
    };
}
pub(crate) use subtypes;
