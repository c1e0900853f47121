//! Reads Graph's metadata (OData CSDL) as far as the comparison needs it, and makes JSON that has everything a type declares.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

pub(super) struct Schema {
    /// Complex and entity types by name.
    pub(super) structures: BTreeMap<String, Structure>,
    /// Members by the name of their enumeration.
    pub(super) enumerations: BTreeMap<String, Vec<String>>,
    pub(super) actions: Vec<Action>,
}

pub(super) struct Structure {
    pub(super) base: Option<String>,
    is_abstract: bool,
    /// Its own, without those of its base; navigation properties too.
    properties: Vec<Property>,
}

pub(super) struct Action {
    pub(super) name: String,
    /// Without the one that it is bound to.
    pub(super) parameters: Vec<Property>,
    pub(super) returns: Option<String>,
}

pub(super) struct Property {
    pub(super) name: String,
    type_name: String,
}

impl Schema {
    pub(super) fn read(csdl: &str) -> Self {
        let document = Document::parse(csdl).unwrap();
        let named = |tag: &'static str| children(document.root_element(), tag);
        let structures = named("ComplexType").chain(named("EntityType")).map(|node| {
            let structure = Structure {
                base: node.attribute("BaseType").map(bare),
                is_abstract: node.attribute("Abstract") == Some("true"),
                properties: properties(node, "Property")
                    .chain(properties(node, "NavigationProperty"))
                    .collect(),
            };
            (name(node), structure)
        });
        let enumerations =
            named("EnumType").map(|node| (name(node), children(node, "Member").map(name).collect()));
        let actions = named("Action").map(|node| Action {
            name: name(node),
            parameters: properties(node, "Parameter").filter(|one| one.name != "bindingParameter").collect(),
            returns: children(node, "ReturnType").next().map(|node| bare(node.attribute("Type").unwrap())),
        });
        Self {
            structures: structures.collect(),
            enumerations: enumerations.collect(),
            actions: actions.collect(),
        }
    }

    /// An object of this type in which every property has a value, those of its bases too. In place of an abstract type stands
    /// its first subtype, as on the wire.
    pub(super) fn sample(&self, type_name: &str) -> Value {
        let concrete = self.concrete(type_name);
        let mut object =
            Map::from_iter([("@odata.type".to_owned(), json!(format!("#microsoft.graph.{concrete}")))]);
        let mut next = Some(concrete);
        while let Some(structure) = next.and_then(|name| self.structures.get(name)) {
            object.extend(self.members(&structure.properties));
            next = structure.base.as_deref();
        }
        Value::Object(object)
    }

    /// The body of an action in which every parameter has a value.
    pub(super) fn sample_body(&self, action: &Action) -> Value {
        Value::Object(self.members(&action.parameters))
    }

    fn members(&self, properties: &[Property]) -> Map<String, Value> {
        properties.iter().map(|one| (one.name.clone(), self.value(&one.type_name))).collect()
    }

    fn value(&self, type_name: &str) -> Value {
        if let Some(element) = type_name.strip_prefix("Collection(").and_then(|rest| rest.strip_suffix(')')) {
            return json!([self.value(element)]);
        }
        if let Some(members) = self.enumerations.get(&bare(type_name)) {
            return json!(members[0]);
        }
        match type_name {
            "Edm.String" => json!("text"),
            "Edm.Boolean" => json!(true),
            "Edm.Int32" | "Edm.Int64" => json!(7),
            "Edm.Double" => json!(0.5),
            "Edm.Duration" => json!("PT0.5S"),
            "Edm.DateTimeOffset" => json!("2026-08-20T12:00:00Z"),
            "Edm.Guid" => json!("57dab8b1-894c-409a-b240-bd8beae78896"),
            other if other.starts_with("graph.") => self.sample(&bare(other)),
            other => panic!("no sample for {other}"),
        }
    }

    fn concrete<'a>(&'a self, type_name: &'a str) -> &'a str {
        let is_abstract = self.structures.get(type_name).is_some_and(|structure| structure.is_abstract);
        let mut subtypes = self.structures.iter().filter(|(_, one)| one.base.as_deref() == Some(type_name));
        if is_abstract { subtypes.next().map_or(type_name, |(name, _)| name) } else { type_name }
    }
}

fn children<'a, 'input>(node: Node<'a, 'input>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.tag_name().name() == tag)
}

fn name(node: Node<'_, '_>) -> String {
    node.attribute("Name").unwrap().to_owned()
}

fn properties<'a>(node: Node<'a, '_>, tag: &'static str) -> impl Iterator<Item = Property> + 'a {
    let type_name = |node: Node<'_, '_>| node.attribute("Type").unwrap().to_owned();
    children(node, tag).map(move |node| Property { name: name(node), type_name: type_name(node) })
}

/// `call` for `graph.call`.
fn bare(type_name: &str) -> String {
    type_name.trim_start_matches("graph.").to_owned()
}
