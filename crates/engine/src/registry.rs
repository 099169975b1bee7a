//! All types and operations, as data. Everything that describes the API is made from this.

use std::collections::BTreeMap;

use kukri_model::schema::{EnumDef, InputDef, ObjectDef, OperationDef, ScalarDef};

use crate::operation::Operation;

/// One object type with its operations by name.
pub struct ObjectEntry {
    /// Its description.
    pub def: &'static ObjectDef,
    /// Its operations. `id` is one of them, on every type.
    pub fields: BTreeMap<&'static str, &'static Operation>,
}

/// An interface: its fields are described by those of the objects that implement it.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceDef {
    /// Name.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [OperationDef],
}

/// All types and operations.
pub struct Registry {
    /// Object types by name; `Query` is the root.
    pub objects: BTreeMap<&'static str, ObjectEntry>,
    /// Enums by name.
    pub enums: BTreeMap<&'static str, &'static EnumDef>,
    /// Scalars by name, without the five of GraphQL, with `ID`.
    pub scalars: BTreeMap<&'static str, &'static ScalarDef>,
    /// Input objects by name.
    pub inputs: BTreeMap<&'static str, &'static InputDef>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<&'static str, &'static InterfaceDef>,
}

impl Registry {
    /// Everything that this engine can do.
    #[must_use]
    pub fn core() -> Self {
        let mut objects: BTreeMap<&'static str, ObjectEntry> = BTreeMap::new();
        for (def, operations) in crate::objects::all() {
            let fields = operations.iter().map(|operation| (operation.def.name, operation)).collect();
            objects.insert(def.name, ObjectEntry { def, fields });
        }
        Self {
            objects,
            enums: crate::objects::enums().iter().map(|def| (def.name, *def)).collect(),
            scalars: crate::objects::scalars().iter().map(|def| (def.name, def)).collect(),
            inputs: crate::objects::inputs().iter().map(|def| (def.name, *def)).collect(),
            interfaces: crate::objects::interfaces().iter().map(|def| (def.name, def)).collect(),
        }
    }

    /// The operation `field` of the object type `on`.
    #[must_use]
    pub fn operation(&self, on: &str, field: &str) -> Option<&'static Operation> {
        self.objects.get(on)?.fields.get(field).copied()
    }
}
