//! Derives the description of an API operation from its struct.
//!
//! Must not know: any single operation or type of the API; what evaluates them.
//!
//! ```ignore
//! /// Sets the directory in which later execs start.
//! #[derive(Operation)]
//! #[operation(on = "Container", returns = "Container!")]
//! pub struct WithWorkdir {
//!     /// Absolute, or relative to the present one.
//!     path: String,
//!     /// Replace `${VAR}` by the container's variables.
//!     #[arg(default = "false")]
//!     expand: bool,
//! }
//! ```
//!
//! `#[operation]` takes `on`, `returns`, and where needed `name` (default: the struct's name in camelCase), `cache`
//! (`"pure"`, the default, `"session"` or `"never"`), `expected` (type of a returned ID), `eager`, `deprecated`,
//! `experimental`, `unavailable`, `partly`, `no_effect`. `#[arg]` takes `default` (a GraphQL literal), `name`,
//! `sensitive`, `deprecated`, `experimental`, `unavailable`, `no_effect`.
//!
//! `unavailable = "services come later"` makes an operation that is part of the API, but only fails with that reason; it
//! needs no `impl Run`. For an argument, any value but the default is refused; for a member of an enum, that member, whose
//! variant holds an `Infallible`. `partly = "addresses of git repositories: git comes later"` says what of an operation it
//! refuses itself, and `no_effect = "there is nothing to remove"` that an operation or an argument changes nothing. All
//! of this is shown in the documentation, and listed in `docs/reference/api-coverage.md`.
//!
//! `#[example(r#"directory.withNewFile(path: "a", contents: "x").entries"# => r#"["a"]"#)]` is an example: steps from the
//! root to a value, and the value as JSON. `;` separates steps that are evaluated one after the other; the value is that
//! of the last. What comes after a list of objects is asked of each. `…` in a text of the value stands for anything, and
//! `raises "a part of the message"` in its place for an error. Examples are shown in the reference and in docstrings (the
//! first one), and run by the end-to-end tests, in a directory that `tests/e2e/support/examples.py` describes.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Expr, Fields, Lit, LitStr, Meta, Result};

/// See the crate's documentation.
#[proc_macro_derive(Operation, attributes(operation, arg, example))]
pub fn operation(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Derives `ApiEnum`: members are the variants, named by `#[member(name = "NAME")]`, with `alias = "OTHER"`,
/// `deprecated`, `experimental` and `unavailable` where needed.
#[proc_macro_derive(ApiEnum, attributes(member))]
pub fn api_enum(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand_enum(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Derives `ApiInput`, an input object: fields as the arguments of an operation, with the same `#[arg]`.
#[proc_macro_derive(ApiInput, attributes(arg))]
pub fn api_input(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand_input(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

#[derive(Default)]
struct Options {
    values: Vec<(String, String)>,
}

impl Options {
    fn read(attributes: &[Attribute], name: &str) -> Result<Self> {
        let mut values = Vec::new();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                let value = if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<LitStr>()?.value()
                } else {
                    String::new()
                };
                values.push((key, value));
                Ok(())
            })?;
        }
        Ok(Self { values })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn option(&self, key: &str) -> Tokens {
        match self.get(key) {
            Some(value) => quote!(Some(#value)),
            None => quote!(None),
        }
    }

    /// A reason that may be left out.
    fn reason(&self, key: &str, default: &str) -> Tokens {
        match self.get(key) {
            Some("") => quote!(Some(#default)),
            Some(value) => quote!(Some(#value)),
            None => quote!(None),
        }
    }

    /// The documentation, with what cannot be done, or does nothing.
    fn doc(&self, attributes: &[Attribute], separator: &str) -> String {
        let mut doc = docs(attributes);
        for (key, says) in [
            ("partly", "Not available in this engine yet: "),
            ("unavailable", "Not available in this engine yet: "),
            ("no_effect", "Has no effect: "),
        ] {
            // The schema says it of fields that only fail.
            if let Some(reason) = self.get(key).filter(|_| key != "unavailable" || separator == " ") {
                doc.push_str(&format!("{separator}{says}{reason}."));
            }
        }
        doc
    }

    /// `deprecated` and `experimental`.
    fn state(&self) -> (Tokens, Tokens) {
        (self.reason("deprecated", "No longer supported"), self.reason("experimental", "Not stabilized"))
    }
}

fn expand(input: &DeriveInput) -> Result<Tokens> {
    let ident = &input.ident;
    let options = Options::read(&input.attrs, "operation")?;
    let need = |key: &str| {
        options
            .get(key)
            .ok_or_else(|| syn::Error::new_spanned(ident, format!("#[operation({key} = \"…\")] is missing")))
    };
    let (on, returns) = (need("on")?, type_tokens(need("returns")?));
    let name = options.get("name").map_or_else(|| camel_case(&ident.to_string()), str::to_owned);
    let doc = options.doc(&input.attrs, "\n\n");
    let cache = match options.get("cache").unwrap_or("pure") {
        "pure" => quote!(Pure),
        "session" => quote!(PerSession),
        "never" => quote!(Never),
        other => return Err(syn::Error::new_spanned(ident, format!("unknown cache rule {other:?}"))),
    };
    let eager = options.get("eager").is_some();
    let expected = options.option("expected");
    let (deprecated, experimental) = options.state();
    let (unavailable, no_effect) = (options.option("unavailable"), options.option("no_effect"));
    let partly = match options.get("partly").map(|text| text.split_once(": ").ok_or(text)) {
        None => quote!(None),
        Some(Ok((what, why))) => quote!(Some(::kukri_model::schema::Partly { what: #what, why: #why })),
        Some(Err(text)) => {
            return Err(syn::Error::new_spanned(ident, format!("{text:?} is not \"what: why\"")));
        }
    };
    let examples = examples(&input.attrs)?;
    let Members { definitions, takes, idents, unused, refusals } = members(input, &format!("{on}.{name}"))?;
    // An operation that cannot be done yet has nothing but a description.
    let run = options.get("unavailable").map(|_| {
        let on = syn::Ident::new(on, proc_macro2::Span::call_site());
        quote! {
            impl crate::operation::Run for #ident {
                type On = super::#on;
                type Output = crate::value::Value;

                async fn run(
                    self,
                    _: ::std::sync::Arc<super::#on>,
                    _: &crate::context::Cx,
                ) -> Result<crate::value::Value, crate::error::OpError> {
                    let _arguments = (#(self.#idents,)*);
                    let def = <Self as crate::operation::Described>::DEF;
                    Err(crate::error::OpError::new(def.unavailable_message()))
                }
            }
        }
    });
    Ok(quote! {
        impl crate::operation::Described for #ident {
            const DEF: ::kukri_model::schema::OperationDef = ::kukri_model::schema::OperationDef {
                on: #on,
                name: #name,
                doc: #doc,
                args: &[#(#definitions),*],
                returns: #returns,
                expected_type: #expected,
                cache: ::kukri_model::schema::CacheRule::#cache,
                eager: #eager,
                deprecated: #deprecated,
                experimental: #experimental,
                unavailable: #unavailable,
                partly: #partly,
                no_effect: #no_effect,
                examples: &[#(#examples),*],
            };

            #[expect(clippy::allow_attributes, reason = "an operation without arguments does not use them")]
            fn decode(#[allow(unused_mut, unused_variables, reason = "see above")] mut args: crate::args::Args)
                -> Result<Self, crate::error::OpError>
            {
                #(#refusals)*
                let this = Self { #(#takes),* };
                #(let _ = &this.#unused;)*
                Ok(this)
            }
        }

        #run
    })
}

/// `#[example("steps" => "value")]`, each.
fn examples(attributes: &[Attribute]) -> Result<Vec<Tokens>> {
    let examples = attributes.iter().filter(|attribute| attribute.path().is_ident("example"));
    examples
        .map(|attribute| {
            attribute.parse_args_with(|input: syn::parse::ParseStream<'_>| {
                let call: LitStr = input.parse()?;
                input.parse::<syn::Token![=>]>()?;
                let gives: LitStr = input.parse()?;
                Ok(quote!(::kukri_model::schema::ExampleDef { call: #call, gives: #gives }))
            })
        })
        .collect()
}

/// The fields of a struct, as arguments.
struct Members {
    definitions: Vec<Tokens>,
    takes: Vec<Tokens>,
    idents: Vec<syn::Ident>,
    /// Those of which no operation reads the value.
    unused: Vec<syn::Ident>,
    /// Errors for values that cannot be done yet.
    refusals: Vec<Tokens>,
}

/// `of` is what they belong to, for errors.
fn members(input: &DeriveInput, of: &str) -> Result<Members> {
    let ident = &input.ident;
    let mut members = Members {
        definitions: Vec::new(),
        takes: Vec::new(),
        idents: Vec::new(),
        unused: Vec::new(),
        refusals: Vec::new(),
    };
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect(),
            Fields::Unit => Vec::new(),
            Fields::Unnamed(_) => return Err(syn::Error::new_spanned(ident, "fields need names")),
        },
        _ => return Err(syn::Error::new_spanned(ident, "this must be a struct")),
    };
    for field in fields {
        let field_ident =
            field.ident.as_ref().ok_or_else(|| syn::Error::new_spanned(field, "needs a name"))?;
        let ty = &field.ty;
        let arg = Options::read(&field.attrs, "arg")?;
        let wire = arg
            .get("name")
            .map_or_else(|| lower_camel(field_ident.to_string().trim_start_matches("r#")), str::to_owned);
        let doc = arg.doc(&field.attrs, " ");
        let default = arg.option("default");
        let (unavailable, no_effect) = (arg.option("unavailable"), arg.option("no_effect"));
        if let Some(why) = arg.get("unavailable") {
            // Arguments that equal their default never get here.
            let what = format!("argument {wire} of {of}");
            members.refusals.push(quote! {
                if args.iter().any(|(name, _)| *name == #wire) {
                    let message = ::kukri_model::schema::unavailable_message(#what, #why);
                    return Err(crate::error::OpError::new(message));
                }
            });
        }
        if arg.get("unavailable").or_else(|| arg.get("no_effect")).is_some() {
            members.unused.push(field_ident.clone());
        }
        let (deprecated, experimental) = arg.state();
        let sensitive = arg.get("sensitive").is_some();
        let which = if arg.get("default").is_some() { quote!(NULLABLE) } else { quote!(TYPE) };
        members.definitions.push(quote! {
            ::kukri_model::schema::ArgDef {
                name: #wire,
                doc: #doc,
                ty: <#ty as crate::args::FromArg>::#which,
                default: #default,
                expected_type: <#ty as crate::args::FromArg>::EXPECTED,
                deprecated: #deprecated,
                experimental: #experimental,
                sensitive: #sensitive,
                unavailable: #unavailable,
                no_effect: #no_effect,
            }
        });
        let missing = match arg.get("default") {
            Some(literal) => quote!(crate::args::literal(#literal)),
            None => quote!(crate::args::ArgValue::Null),
        };
        members.takes.push(quote! {
            #field_ident: <#ty as crate::args::FromArg>::from_arg(
                crate::args::take(&mut args, #wire).unwrap_or_else(|| #missing),
            ).map_err(|error| crate::error::OpError::new(format!("argument {}: {error}", #wire)))?
        });
        members.idents.push(field_ident.clone());
    }
    Ok(members)
}

fn expand_input(input: &DeriveInput) -> Result<Tokens> {
    let ident = &input.ident;
    let name = ident.to_string();
    let doc = docs(&input.attrs);
    let Members { definitions, takes, unused, refusals, .. } = members(input, &name)?;
    Ok(quote! {
        impl crate::args::ApiInput for #ident {
            const DEF: ::kukri_model::schema::InputDef =
                ::kukri_model::schema::InputDef { name: #name, doc: #doc, fields: &[#(#definitions),*] };
        }
        impl crate::args::FromArg for #ident {
            const TYPE: ::kukri_model::schema::TypeRef =
                ::kukri_model::schema::TypeRef::NonNull(&<Self as crate::args::FromArg>::NULLABLE);
            const NULLABLE: ::kukri_model::schema::TypeRef = ::kukri_model::schema::TypeRef::Named(#name);
            fn from_arg(value: crate::args::ArgValue) -> Result<Self, crate::error::OpError> {
                let mut args = crate::args::fields(#name, value)?;
                #(#refusals)*
                let this = Self { #(#takes),* };
                #(let _ = &this.#unused;)*
                Ok(this)
            }
        }
    })
}

fn expand_enum(input: &DeriveInput) -> Result<Tokens> {
    let ident = &input.ident;
    let name = ident.to_string();
    let doc = docs(&input.attrs);
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(ident, "needs an enum"));
    };
    let mut values = Vec::new();
    let mut from = Vec::new();
    let mut to = Vec::new();
    for variant in &data.variants {
        let variant_ident = &variant.ident;
        let options = Options::read(&variant.attrs, "member")?;
        let member = options.get("name").map_or_else(|| variant_ident.to_string(), str::to_owned);
        let doc = options.doc(&variant.attrs, " ");
        let (deprecated, experimental) = options.state();
        let unavailable = options.option("unavailable");
        values.push(quote!(::kukri_model::schema::EnumValueDef {
            name: #member,
            doc: #doc,
            alias_of: None,
            deprecated: #deprecated,
            experimental: #experimental,
            unavailable: #unavailable,
        }));
        if options.get("unavailable").is_none() {
            from.push(quote!(#member => Some(Self::#variant_ident)));
            to.push(quote!(Self::#variant_ident => #member));
        } else {
            to.push(quote!(Self::#variant_ident(never) => match never {}));
        }
    }
    for variant in &data.variants {
        let options = Options::read(&variant.attrs, "member")?;
        let member = options.get("name").map_or_else(|| variant.ident.to_string(), str::to_owned);
        if let Some(alias) = options.get("alias") {
            let doc = options.doc(&variant.attrs, " ");
            let unavailable = options.option("unavailable");
            values.push(quote!(::kukri_model::schema::EnumValueDef {
                name: #alias,
                doc: #doc,
                alias_of: Some(#member),
                deprecated: None,
                experimental: None,
                unavailable: #unavailable,
            }));
        }
    }
    Ok(quote! {
        impl crate::args::ApiEnum for #ident {
            const DEF: ::kukri_model::schema::EnumDef =
                ::kukri_model::schema::EnumDef { name: #name, doc: #doc, values: &[#(#values),*] };
            fn from_name(name: &str) -> Option<Self> {
                match name { #(#from,)* _ => None }
            }
            fn name(self) -> &'static str {
                match self { #(#to),* }
            }
        }
        impl crate::value::IntoValue for #ident {
            fn into_value(self) -> crate::value::Value {
                crate::value::Value::String(crate::args::ApiEnum::name(self).into())
            }
        }
    })
}

/// `[String!]!` as a constant expression.
fn type_tokens(text: &str) -> Tokens {
    if let Some(inner) = text.strip_suffix('!') {
        let inner = type_tokens(inner);
        return quote!(::kukri_model::schema::TypeRef::NonNull(&#inner));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let inner = type_tokens(inner);
        return quote!(::kukri_model::schema::TypeRef::List(&#inner));
    }
    quote!(::kukri_model::schema::TypeRef::Named(#text))
}

fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(
                        text.value().trim_end().strip_prefix(' ').map_or_else(|| text.value(), str::to_owned),
                    ),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

fn camel_case(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn lower_camel(name: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}
