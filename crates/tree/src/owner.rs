//! Users and groups as given by callers: `user[:group]`, names or numbers, looked up in the text of `/etc/passwd` and
//! `/etc/group`.

use crate::node::TreeError;

/// Who a process runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups, sorted, without `gid`.
    pub groups: Vec<u32>,
    /// Home directory, where passwd says it.
    pub home: Option<String>,
    /// Login name, where passwd says it.
    pub name: Option<String>,
}

/// Owner of files: `(uid, gid)`. Without a group, the group is the user's number. The empty text is root.
pub fn resolve_owner(spec: &str, passwd: Option<&[u8]>, group: Option<&[u8]>) -> Result<(u32, u32), TreeError> {
    let _ = (spec, passwd, group);
    unimplemented!()
}

/// Who a process runs as, by the rules of the OCI image specification's `User`.
pub fn lookup_user(spec: &str, passwd: Option<&[u8]>, group: Option<&[u8]>) -> Result<User, TreeError> {
    let _ = (spec, passwd, group);
    unimplemented!()
}
