//! What is missing or different for good, with the reason. Short, and meant to stay so.

/// Types that belong together and are not served.
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Why it is left out.
    pub reason: &'static str,
    /// Its types. A field that needs one of them is left out with it.
    pub types: &'static [&'static str],
}

/// Something that is served otherwise.
pub struct Difference {
    /// As in the list of facts.
    pub subject: &'static str,
    /// The fact as this engine has it; `None` if it is missing.
    pub ours: Option<&'static str>,
    /// Why.
    pub reason: &'static str,
}

/// All groups that are left out.
pub const GROUPS: &[Group] = &[
    Group {
        name: "modules",
        reason: "Functions written by users, and the types by which they describe themselves, come with modules.",
        types: &[
            "CurrentModule",
            "EnumTypeDef",
            "EnumValueTypeDef",
            "Error",
            "ErrorValue",
            "FieldTypeDef",
            "Function",
            "FunctionArg",
            "FunctionCachePolicy",
            "FunctionCall",
            "FunctionCallArgValue",
            "GeneratedCode",
            "InputTypeDef",
            "InterfaceTypeDef",
            "ListTypeDef",
            "Module",
            "ModuleConfigClient",
            "ModuleSource",
            "ModuleSourceExperimentalFeature",
            "ModuleSourceKind",
            "ObjectTypeDef",
            "SDKConfig",
            "ScalarTypeDef",
            "SourceMap",
            "TypeDef",
            "TypeDefKind",
        ],
    },
    Group {
        name: "checks",
        reason: "Checks, generators and services of modules: they come with modules.",
        types: &["Check", "CheckGroup", "Generator", "GeneratorGroup", "Up", "UpGroup"],
    },
    Group {
        name: "LLM and agents",
        reason: "Language models are no part of a build tool that works without a network.",
        types: &["Binding", "Env", "LLM", "LLMTokenUsage"],
    },
    Group {
        name: "workspace",
        reason: "Configuration of modules in a project: it comes with modules.",
        types: &["Workspace"],
    },
    Group { name: "cloud", reason: "There is no service to log in to.", types: &["Cloud"] },
];

/// All other differences.
pub const DIFFERENCES: &[Difference] = &[];

/// The group of a type.
pub fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.types.contains(&name))
}
