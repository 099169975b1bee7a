//! From the registry to the types of a view.

use std::borrow::Cow;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use kukri_engine::{ArgValue, Registry};
use kukri_model::schema::{ArgDef, EnumDef, OperationDef, TypeRef};

use super::directives::DIRECTIVES;
use super::{
    Arg, Composite, EnumValue, Field, Name, Resolve, Scalar, Schema, Type, TypeDef, TypeIx, TypeKind, View,
    index, is_hidden, meta,
};
use crate::coerce;

/// GraphQL's own scalars, which no registry lists.
const BUILT_IN: &[(&str, &str)] = &[
    ("Boolean", "`true` or `false`."),
    ("Float", "A number of double precision."),
    ("ID", "Identifies an object."),
    ("Int", "A whole number of 64 bits."),
    ("String", "A text in UTF-8."),
];

/// Declared by the directive `@cache`, whether or not an operation uses it.
const CACHE_POLICY: (&str, &[&str]) = ("FunctionCachePolicy", &["Default", "PerSession", "Never"]);

struct Builder<'a> {
    registry: &'a Registry,
    view: &'a View,
    /// Names of all types, sorted: the number of a type is its place here.
    names: Vec<Name>,
    problems: Vec<String>,
}

impl Schema {
    /// The types of `registry` as a client with this view sees them.
    ///
    /// What does not fit together is left out and told by [`Schema::problems`], so that one wrong description does not
    /// take the whole API away.
    #[must_use]
    pub fn build(registry: &Registry, view: &View) -> Self {
        let mut names: BTreeSet<Name> = BTreeSet::new();
        names.extend(registry.objects.keys().map(|name| Cow::Borrowed(*name)));
        names.extend(registry.enums.keys().map(|name| Cow::Borrowed(*name)));
        names.extend(registry.scalars.keys().map(|name| Cow::Borrowed(*name)));
        names.extend(registry.inputs.keys().map(|name| Cow::Borrowed(*name)));
        names.extend(registry.interfaces.keys().map(|name| Cow::Borrowed(*name)));
        names.extend(BUILT_IN.iter().map(|(name, _)| Cow::Borrowed(*name)));
        names.extend(meta::OBJECTS.iter().map(|(name, _)| Cow::Borrowed(*name)));
        names.extend(meta::ENUMS.iter().map(|(name, _)| Cow::Borrowed(*name)));
        names.extend([Cow::Borrowed("Query"), Cow::Borrowed("Node"), Cow::Borrowed(CACHE_POLICY.0)]);
        let loadable = loadable(registry, view);
        names.extend(loadable.iter().map(|name| Cow::Owned(format!("{name}ID"))));
        let mut builder =
            Builder { registry, view, names: names.into_iter().collect(), problems: Vec::new() };

        let mut types = IndexMap::with_capacity(builder.names.len());
        for name in builder.names.clone() {
            let def = builder.type_def(&name);
            types.insert(name, def);
        }
        link_possible(&mut types);
        let Builder { names, problems, .. } = builder;
        let query = names.binary_search(&Cow::Borrowed("Query")).map_or(TypeIx(0), index);
        let mut schema = Self { view: *view, types, query, directives: DIRECTIVES.to_vec(), problems };
        schema.coerce_defaults();
        for problem in &schema.problems {
            tracing::warn!(problem, "the registry does not fit together");
        }
        schema
    }

    /// Coerces every default once, so that arguments can be compared with it.
    fn coerce_defaults(&mut self) {
        let mut defaults: Vec<ArgValue> = Vec::new();
        let mut problems = Vec::new();
        for (_, def) in self.types() {
            each_arg(&def.kind, |arg| {
                let Some(text) = arg.default_text else { return };
                defaults.push(coerce::default_value(self, arg, text).unwrap_or_else(|error| {
                    problems.push(format!("default of {}({}): {error}", def.name, arg.name));
                    ArgValue::Null
                }));
            });
        }
        self.problems.append(&mut problems);
        let mut defaults = defaults.into_iter();
        for def in self.types.values_mut() {
            each_arg_mut(&mut def.kind, |arg| {
                if arg.default_text.is_some() {
                    arg.default = defaults.next().unwrap_or(ArgValue::Null);
                }
            });
        }
    }
}

/// The types for which this view has a scalar and a `load…FromID` field.
fn loadable(registry: &Registry, view: &View) -> Vec<&'static str> {
    if !view.has_typed_ids() {
        return Vec::new();
    }
    let objects = registry.objects.keys().filter(|name| **name != "Query");
    let interfaces = registry.interfaces.keys().filter(|name| **name != "Node");
    objects.chain(interfaces).copied().collect()
}

fn each_arg<'a>(kind: &'a TypeKind, mut visit: impl FnMut(&'a Arg)) {
    match kind {
        TypeKind::Object(composite) | TypeKind::Interface(composite) => {
            composite.fields.values().flat_map(|field| &field.args).for_each(visit);
        }
        TypeKind::Input(fields) => fields.iter().for_each(&mut visit),
        TypeKind::Scalar(_) | TypeKind::Enum(_) => {}
    }
}

fn each_arg_mut(kind: &mut TypeKind, mut visit: impl FnMut(&mut Arg)) {
    match kind {
        TypeKind::Object(composite) | TypeKind::Interface(composite) => {
            composite.fields.values_mut().flat_map(|field| &mut field.args).for_each(visit);
        }
        TypeKind::Input(fields) => fields.iter_mut().for_each(&mut visit),
        TypeKind::Scalar(_) | TypeKind::Enum(_) => {}
    }
}

fn link_possible(types: &mut IndexMap<Name, TypeDef>) {
    let mut pairs: Vec<(TypeIx, TypeIx)> = Vec::new();
    for (at, def) in types.values().enumerate() {
        if let TypeKind::Object(object) = &def.kind {
            pairs.extend(object.interfaces.iter().map(|interface| (*interface, index(at))));
        }
    }
    for (interface, object) in pairs {
        if let TypeKind::Interface(interface) = &mut types[interface.0 as usize].kind {
            interface.possible.push(object);
        }
    }
}

fn scalar_kind(name: &str) -> Scalar {
    match name {
        "Int" => Scalar::Int,
        "Float" => Scalar::Float,
        "String" => Scalar::String,
        "Boolean" => Scalar::Boolean,
        "ID" => Scalar::Id,
        "Platform" => Scalar::Platform,
        "Void" => Scalar::Void,
        _ => Scalar::Custom,
    }
}

impl Builder<'_> {
    fn find(&mut self, name: &str, wanted_by: &str) -> Option<TypeIx> {
        let found = self.names.binary_search_by(|probe| probe.as_ref().cmp(name)).ok().map(index);
        if found.is_none() {
            self.problems.push(format!("{wanted_by} needs the type {name}, which does not exist"));
        }
        found
    }

    fn type_def(&mut self, name: &Name) -> TypeDef {
        let registry = self.registry;
        let text = name.as_ref();
        if let Some(entry) = registry.objects.get(text) {
            let operations =
                entry.fields.values().map(|operation| (operation.def, Resolve::Operation(operation)));
            // What is hidden is not for clients: only IDs lead to it.
            let operations = operations.filter(|(def, _)| !is_hidden(def.name));
            let composite = self.composite(entry.def.name, entry.def.interfaces, operations);
            return TypeDef {
                name: name.clone(),
                doc: entry.def.doc.into(),
                kind: TypeKind::Object(composite),
            };
        }
        if let Some(def) = registry.interfaces.get(text) {
            let fields = def.fields.iter().map(|field| (field, Resolve::Interface));
            let composite = self.composite(def.name, &[], fields);
            return TypeDef { name: name.clone(), doc: def.doc.into(), kind: TypeKind::Interface(composite) };
        }
        if let Some(def) = registry.enums.get(text) {
            return TypeDef {
                name: name.clone(),
                doc: def.doc.into(),
                kind: TypeKind::Enum(enum_values(def)),
            };
        }
        if let Some(def) = registry.inputs.get(text) {
            let fields = def.fields.iter().filter_map(|arg| self.arg(arg, def.name)).collect();
            return TypeDef { name: name.clone(), doc: def.doc.into(), kind: TypeKind::Input(fields) };
        }
        if let Some(def) = registry.scalars.get(text) {
            let kind = TypeKind::Scalar(scalar_kind(text));
            return TypeDef { name: name.clone(), doc: def.doc.into(), kind };
        }
        self.own_type(name)
    }

    /// A type that no registry lists.
    fn own_type(&mut self, name: &Name) -> TypeDef {
        let text = name.as_ref();
        let (doc, kind): (Name, TypeKind) = if let Some((_, doc)) =
            BUILT_IN.iter().find(|(known, _)| *known == text)
        {
            ((*doc).into(), TypeKind::Scalar(scalar_kind(text)))
        } else if let Some((_, fields)) = meta::OBJECTS.iter().find(|(known, _)| *known == text) {
            ("Describes the API.".into(), TypeKind::Object(self.meta_object(fields)))
        } else if let Some((_, values)) = meta::ENUMS.iter().find(|(known, _)| *known == text) {
            ("Describes the API.".into(), TypeKind::Enum(plain_values(values)))
        } else if text == CACHE_POLICY.0 {
            ("How long a function's results are kept. Nothing of the API takes one, so there is no example.".into(), TypeKind::Enum(plain_values(CACHE_POLICY.1)))
        } else if text == "Node" {
            ("Any object.".into(), TypeKind::Interface(self.composite("Node", &[], std::iter::empty())))
        } else if text == "Query" {
            (
                "Where every chain starts.".into(),
                TypeKind::Object(self.composite("Query", &[], std::iter::empty())),
            )
        } else {
            let of = text.strip_suffix("ID").unwrap_or(text);
            (format!("Identifies an object of the type {of}.").into(), TypeKind::Scalar(Scalar::Id))
        };
        TypeDef { name: name.clone(), doc, kind }
    }

    fn composite(
        &mut self,
        name: &'static str,
        interfaces: &[&'static str],
        operations: impl Iterator<Item = (&'static OperationDef, Resolve)>,
    ) -> Composite {
        let mut fields: IndexMap<Name, Field> = IndexMap::new();
        for (def, resolve) in operations {
            if let Some(field) = self.field(def, resolve) {
                fields.insert(def.name.into(), field);
            }
        }
        if let Some(id) =
            self.plain_field("id", "ID!", "Identifies the object. Asking for it does no work.", Resolve::Id)
        {
            fields.insert("id".into(), id);
        }
        if name == "Query" {
            self.root_fields(&mut fields);
        }
        fields.sort_unstable_keys();
        let mut names: BTreeSet<&'static str> = interfaces.iter().copied().collect();
        if name != "Node" {
            names.insert("Node");
        }
        let interfaces = names.into_iter().filter_map(|interface| self.find(interface, name)).collect();
        Composite { interfaces, fields, possible: Vec::new() }
    }

    /// The fields of the root which are not operations.
    fn root_fields(&mut self, fields: &mut IndexMap<Name, Field>) {
        let mut add = |field: Option<Field>| {
            if let Some(field) = field {
                fields.insert(field.name.clone(), field);
            }
        };
        add(self.loader("node".into(), "ID", "Node", "The object with an ID, of any type.".into()));
        for name in loadable(self.registry, self.view) {
            let doc = format!("The {name} with an ID.");
            let field =
                self.loader(format!("load{name}FromID").into(), &format!("{name}ID"), name, doc.into());
            add(field.map(|mut field| {
                field.ty = Type::NonNull(Box::new(field.ty));
                field
            }));
        }
        add(self.plain_field("__schema", "__Schema!", "Describes the API.", Resolve::Meta));
        add(self.plain_field(
            "__schemaVersion",
            "String!",
            "Version of the API that is shown.",
            Resolve::Meta,
        ));
        if self.registry.objects.contains_key("File") {
            let file = self.plain_field(
                "__schemaJSONFile",
                "File!",
                "The description of the API as a file.",
                Resolve::SchemaFile,
            );
            let hidden = self.parse_type("[String!]", "__schemaJSONFile");
            add(file.zip(hidden).map(|(mut field, ty)| {
                field.args.push(plain_arg("hiddenTypes", ty, Some("[]")));
                field
            }));
        }
        let describe = self.plain_field("__type", "__Type", "Describes one type.", Resolve::Meta);
        let string = self.parse_type("String!", "__type");
        add(describe.zip(string).map(|(mut field, ty)| {
            field.args.push(plain_arg("name", ty, None));
            field
        }));
    }

    fn loader(&mut self, name: Name, scalar: &str, ty: &'static str, doc: Name) -> Option<Field> {
        let scalar = self.find(scalar, &name)?;
        let ty = self.find(ty, &name)?;
        let id = plain_arg("id", Type::NonNull(Box::new(Type::Named(scalar))), None);
        Some(Field {
            name,
            doc,
            args: vec![id],
            ty: Type::Named(ty),
            resolve: Resolve::Load,
            expected_type: None,
            deprecated: None,
            experimental: None,
            unavailable: None,
        })
    }

    fn meta_object(&mut self, defs: &'static [meta::MetaField]) -> Composite {
        let mut fields = IndexMap::new();
        for (name, ty, include_deprecated) in defs {
            let Some(mut field) = self.plain_field(name, ty, "", Resolve::Meta) else { continue };
            let boolean = if *include_deprecated { self.parse_type("Boolean", name) } else { None };
            field.args.extend(boolean.map(|ty| plain_arg("includeDeprecated", ty, Some("false"))));
            fields.insert(Cow::Borrowed(*name), field);
        }
        Composite { interfaces: Vec::new(), fields, possible: Vec::new() }
    }

    fn plain_field(
        &mut self,
        name: &'static str,
        ty: &str,
        doc: &'static str,
        resolve: Resolve,
    ) -> Option<Field> {
        let ty = self.parse_type(ty, name)?;
        Some(Field {
            name: name.into(),
            doc: doc.into(),
            args: Vec::new(),
            ty,
            resolve,
            expected_type: None,
            deprecated: None,
            experimental: None,
            unavailable: None,
        })
    }

    fn field(&mut self, def: &'static OperationDef, resolve: Resolve) -> Option<Field> {
        let place = format!("{}.{}", def.on, def.name);
        let ty = self.type_ref(&def.returns, &place)?;
        let mut args = Vec::with_capacity(def.args.len());
        for arg in def.args {
            // Without one of its arguments a field would mean something else: then it is not shown at all.
            args.push(self.arg(arg, &place)?);
        }
        Some(Field {
            name: def.name.into(),
            doc: def.doc.into(),
            args,
            ty,
            resolve,
            expected_type: def.expected_type.map(Cow::Borrowed),
            deprecated: def.deprecated,
            experimental: def.experimental,
            unavailable: def.unavailable,
        })
    }

    fn arg(&mut self, def: &'static ArgDef, place: &str) -> Option<Arg> {
        Some(Arg {
            name: def.name,
            doc: def.doc.into(),
            ty: self.type_ref(&def.ty, place)?,
            default_text: def.default,
            default: ArgValue::Null,
            expected_type: def.expected_type.map(Cow::Borrowed),
            deprecated: def.deprecated,
            experimental: def.experimental,
            sensitive: def.sensitive,
        })
    }

    fn type_ref(&mut self, ty: &TypeRef, place: &str) -> Option<Type> {
        Some(match ty {
            TypeRef::Named(name) => Type::Named(self.find(name, place)?),
            TypeRef::List(inner) => Type::List(Box::new(self.type_ref(inner, place)?)),
            TypeRef::NonNull(inner) => Type::NonNull(Box::new(self.type_ref(inner, place)?)),
        })
    }

    /// A type from its text; only for texts of this program.
    fn parse_type(&mut self, text: &str, place: &str) -> Option<Type> {
        if let Some(inner) = text.strip_suffix('!') {
            return Some(Type::NonNull(Box::new(self.parse_type(inner, place)?)));
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return Some(Type::List(Box::new(self.parse_type(inner, place)?)));
        }
        Some(Type::Named(self.find(text, place)?))
    }
}

fn plain_arg(name: &'static str, ty: Type, default_text: Option<&'static str>) -> Arg {
    let default = ArgValue::Null;
    Arg {
        name,
        doc: "".into(),
        ty,
        default_text,
        default,
        expected_type: None,
        deprecated: None,
        experimental: None,
        sensitive: false,
    }
}

fn enum_values(def: &'static EnumDef) -> IndexMap<Name, EnumValue> {
    let value = |value: &'static kukri_model::schema::EnumValueDef| EnumValue {
        name: value.name.into(),
        doc: value.doc.into(),
        canonical: value.alias_of.unwrap_or(value.name).into(),
        alias_of: value.alias_of,
        deprecated: value.deprecated,
        experimental: value.experimental,
    };
    def.values.iter().map(|def| (def.name.into(), value(def))).collect()
}

fn plain_values(names: &'static [&'static str]) -> IndexMap<Name, EnumValue> {
    let value = |name: &'static str| EnumValue {
        name: name.into(),
        doc: "".into(),
        canonical: name.into(),
        alias_of: None,
        deprecated: None,
        experimental: None,
    };
    names.iter().map(|name| (Cow::Borrowed(*name), value(name))).collect()
}
