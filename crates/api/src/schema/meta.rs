//! The types of introspection itself.

/// A field: name, type as text, whether it takes `includeDeprecated`.
pub(super) type MetaField = (&'static str, &'static str, bool);

/// The object types of introspection with their fields.
pub(super) const OBJECTS: &[(&str, &[MetaField])] = &[
    ("_DirectiveApplication", &[("args", "[_DirectiveApplicationArg!]!", false), ("name", "String!", false)]),
    ("_DirectiveApplicationArg", &[("name", "String!", false), ("value", "String", false)]),
    (
        "__Directive",
        &[
            ("args", "[__InputValue!]!", true),
            ("description", "String", false),
            ("isRepeatable", "Boolean!", false),
            ("locations", "[__DirectiveLocation!]!", false),
            ("name", "String!", false),
        ],
    ),
    (
        "__EnumValue",
        &[
            ("deprecationReason", "String", false),
            ("description", "String", false),
            ("directives", "[_DirectiveApplication!]!", false),
            ("isDeprecated", "Boolean!", false),
            ("name", "String!", false),
        ],
    ),
    (
        "__Field",
        &[
            ("args", "[__InputValue!]!", true),
            ("deprecationReason", "String", false),
            ("description", "String", false),
            ("directives", "[_DirectiveApplication!]!", false),
            ("isDeprecated", "Boolean!", false),
            ("name", "String!", false),
            ("type", "__Type!", false),
        ],
    ),
    (
        "__InputValue",
        &[
            ("defaultValue", "String", false),
            ("deprecationReason", "String", false),
            ("description", "String", false),
            ("directives", "[_DirectiveApplication!]!", false),
            ("isDeprecated", "Boolean!", false),
            ("name", "String!", false),
            ("type", "__Type!", false),
        ],
    ),
    (
        "__Schema",
        &[
            ("description", "String", false),
            ("directives", "[__Directive!]!", false),
            ("mutationType", "__Type", false),
            ("queryType", "__Type!", false),
            ("subscriptionType", "__Type", false),
            ("types", "[__Type!]!", false),
        ],
    ),
    (
        "__Type",
        &[
            ("description", "String", false),
            ("directives", "[_DirectiveApplication!]!", false),
            ("enumValues", "[__EnumValue!]", true),
            ("fields", "[__Field!]", true),
            ("inputFields", "[__InputValue!]", true),
            ("interfaces", "[__Type!]", false),
            ("isOneOf", "Boolean", false),
            ("kind", "__TypeKind!", false),
            ("name", "String", false),
            ("ofType", "__Type", false),
            ("possibleTypes", "[__Type!]", false),
            ("specifiedByURL", "String", false),
        ],
    ),
];

/// The enums of introspection.
pub(super) const ENUMS: &[(&str, &[&str])] = &[
    ("__TypeKind", &["SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT", "LIST", "NON_NULL"]),
    (
        "__DirectiveLocation",
        &[
            "QUERY",
            "MUTATION",
            "SUBSCRIPTION",
            "FIELD",
            "FRAGMENT_DEFINITION",
            "FRAGMENT_SPREAD",
            "INLINE_FRAGMENT",
            "VARIABLE_DEFINITION",
            "SCHEMA",
            "SCALAR",
            "OBJECT",
            "FIELD_DEFINITION",
            "ARGUMENT_DEFINITION",
            "INTERFACE",
            "UNION",
            "ENUM",
            "ENUM_VALUE",
            "INPUT_OBJECT",
            "INPUT_FIELD_DEFINITION",
        ],
    ),
];
