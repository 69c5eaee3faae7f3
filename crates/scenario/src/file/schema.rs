//! What the JSON Schema says of the names that are no plain enumeration.

use crate::fault::Target;
use crate::scenario::ConflictPolicy;
use crate::stack::{Stack, StoreKind};
use protocol::admin::Policy;
use schemars::{Schema, SchemaGenerator, json_schema};

/// At least one stack, each once.
pub(super) fn stacks(_: &mut SchemaGenerator) -> Schema {
    let named: Vec<String> = Stack::named().iter().map(ToString::to_string).collect();
    let conflicts = ConflictPolicy::ALL.map(ConflictPolicy::name).join("|");
    let any = format!(
        "^({}|({})\\+({}))(\\+({conflicts}))?$",
        named.join("|"),
        StoreKind::ALL.map(StoreKind::name).join("|"),
        Policy::ALL.map(Policy::name).join("|"),
    );
    json_schema!({
        "type": "array",
        "minItems": 1,
        "uniqueItems": true,
        "items": { "type": "string", "anyOf": [{ "enum": named }, { "pattern": any }] }
    })
}

/// One server, all of them, the store, or an edge.
pub(super) fn target(_: &mut SchemaGenerator) -> Schema {
    let fixed: Vec<String> = Target::fixed().map(|target| target.to_string()).collect();
    json_schema!({ "type": "string", "anyOf": [{ "enum": fixed }, { "pattern": "^server-[1-9][0-9]*$" }] })
}
