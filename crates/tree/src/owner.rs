//! Users and groups as given by callers: `user[:group]`, names or numbers, looked up in the text of `/etc/passwd` and
//! `/etc/group`.

use crate::node::TreeError;
use crate::path::text;

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

/// A line of `/etc/passwd`.
struct Account<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

/// A line of `/etc/group`.
struct Group<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

/// Owner of files: `(uid, gid)`. Without a group, the group is the user's number. The empty text is root.
///
/// # Errors
/// [`TreeError::Invalid`] for a name that is not in `passwd` or `group`, or when that text is missing.
pub fn resolve_owner(
    spec: &str,
    passwd: Option<&[u8]>,
    group: Option<&[u8]>,
) -> Result<(u32, u32), TreeError> {
    let (user, group_name) = split(spec)?;
    let uid = match number(user) {
        Some(uid) => uid,
        None if user.is_empty() => 0,
        None => {
            let account = accounts(passwd).find(|account| account.name == user.as_bytes());
            account.ok_or_else(|| unknown("user", user, "/etc/passwd", passwd))?.uid
        }
    };
    let gid = match group_name {
        Some(name) => find_group(name, group)?,
        None => uid,
    };
    Ok((uid, gid))
}

/// Who a process runs as, by the rules of the OCI image specification's `User`: without a group, the user's groups in
/// `passwd` and `group` apply; a number that is not in `passwd` has group 0. The empty text is root.
///
/// # Errors
/// [`TreeError::Invalid`] for a name that is not in `passwd` or `group`, or when that text is missing.
pub fn lookup_user(spec: &str, passwd: Option<&[u8]>, group: Option<&[u8]>) -> Result<User, TreeError> {
    let (user, group_name) = split(spec)?;
    let user = if user.is_empty() { "0" } else { user };
    let id = number(user);
    let account = accounts(passwd).find(|account| account.name == user.as_bytes() || Some(account.uid) == id);
    let mut found = match (&account, id) {
        (Some(account), _) => User {
            uid: account.uid,
            gid: account.gid,
            groups: Vec::new(),
            home: Some(text(account.home)).filter(|home| !home.is_empty()),
            name: Some(text(account.name)),
        },
        (None, Some(uid)) => User { uid, gid: 0, groups: Vec::new(), home: None, name: None },
        (None, None) => return Err(unknown("user", user, "/etc/passwd", passwd)),
    };
    if let Some(name) = group_name {
        found.gid = find_group(name, group)?;
    } else if let Some(account) = account {
        let is_member =
            |of: &Group<'_>| of.members.split(|byte| *byte == b',').any(|name| name == account.name);
        found.groups =
            groups(group).filter(is_member).map(|of| of.gid).filter(|gid| *gid != found.gid).collect();
        found.groups.sort_unstable();
        found.groups.dedup();
    }
    Ok(found)
}

/// User, and group if one is given.
fn split(spec: &str) -> Result<(&str, Option<&str>), TreeError> {
    let (user, group) = spec.split_once(':').map_or((spec, None), |(user, group)| (user, Some(group)));
    if group.is_some_and(|group| group.contains(':')) {
        return Err(TreeError::Invalid(format!("invalid owner {spec:?}: expected user[:group]")));
    }
    Ok((user, group.filter(|group| !group.is_empty())))
}

fn find_group(name: &str, text: Option<&[u8]>) -> Result<u32, TreeError> {
    match number(name) {
        Some(gid) => Ok(gid),
        None => groups(text)
            .find(|group| group.name == name.as_bytes())
            .map(|group| group.gid)
            .ok_or_else(|| unknown("group", name, "/etc/group", text)),
    }
}

fn unknown(what: &str, name: &str, place: &str, text: Option<&[u8]>) -> TreeError {
    TreeError::Invalid(match text {
        Some(_) => {
            format!("{what} {name:?} is not in {place}; use a name that is, or a number below {}", u32::MAX)
        }
        None => format!(
            "{what} {name:?} cannot be looked up: there is no {place}; use a number below {}",
            u32::MAX
        ),
    })
}

/// Digits only: `+1` is a name. The highest number is none: to system calls it means "leave it as it is", so who asked for
/// it would stay root.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn fields(text: Option<&[u8]>) -> impl Iterator<Item = Vec<&[u8]>> {
    let lines = text.unwrap_or_default().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let useful = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    useful.map(|line| line.split(|byte| *byte == b':').collect())
}

/// Lines that cannot be understood are passed over, as every other reader of these files does.
fn accounts(text: Option<&[u8]>) -> impl Iterator<Item = Account<'_>> {
    fields(text).filter_map(|field| {
        let (uid, gid) = (id(field.get(2)?)?, id(field.get(3)?)?);
        Some(Account { name: field[0], uid, gid, home: field.get(5).copied().unwrap_or_default() })
    })
}

fn groups(text: Option<&[u8]>) -> impl Iterator<Item = Group<'_>> {
    fields(text).filter_map(|field| {
        Some(Group {
            name: field[0],
            gid: id(field.get(2)?)?,
            members: field.get(3).copied().unwrap_or_default(),
        })
    })
}

fn id(field: &[u8]) -> Option<u32> {
    number(std::str::from_utf8(field).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# note\nbroken\n\
        app:x:1000:1001:App:/home/app:/bin/sh\nbare:x:7:8\n";
    const GROUP: &[u8] = b"root:x:0:\nwheel:x:10:root,app\napp:x:1001:app\nvideo:x:44:app\nbad:x:y:app\n";

    fn owner(spec: &str) -> Result<(u32, u32), TreeError> {
        resolve_owner(spec, Some(PASSWD), Some(GROUP))
    }

    fn user(spec: &str) -> User {
        lookup_user(spec, Some(PASSWD), Some(GROUP)).unwrap()
    }

    #[test]
    fn owners() {
        assert_eq!(owner(""), Ok((0, 0)));
        assert_eq!(owner("1234"), Ok((1234, 1234)));
        assert_eq!(owner("1:2"), Ok((1, 2)));
        assert_eq!(owner("app"), Ok((1000, 1000)), "the user's number, not its group");
        assert_eq!(owner("app:wheel"), Ok((1000, 10)));
        assert_eq!(owner("5:video"), Ok((5, 44)));
        assert_eq!(owner("app:"), Ok((1000, 1000)));
    }

    #[test]
    fn names_that_are_not_there() {
        assert!(owner("nobody").unwrap_err().to_string().contains("user \"nobody\" is not in /etc/passwd"));
        assert!(
            owner("app:nogroup").unwrap_err().to_string().contains("group \"nogroup\" is not in /etc/group")
        );
        assert!(
            resolve_owner("app", None, None).unwrap_err().to_string().contains("there is no /etc/passwd")
        );
        assert!(owner("a:b:c").is_err());
        assert!(owner("-1").is_err());
        assert!(owner("99999999999").is_err());
        let last = u32::MAX - 1;
        assert_eq!(owner(&format!("{last}")), Ok((last, last)));
        assert!(owner("4294967295").is_err(), "it would be no change at all");
        assert!(owner("0:4294967295").is_err());
        assert!(lookup_user("4294967295", Some(PASSWD), Some(GROUP)).is_err());
        assert!(lookup_user("lost", Some(b"lost:x:4294967295:0::/:/bin/sh\n"), None).is_err());
        assert!(lookup_user("nobody", Some(PASSWD), None).is_err());
    }

    #[test]
    fn users() {
        let app = user("app");
        assert_eq!((app.uid, app.gid, &app.groups[..]), (1000, 1001, &[10, 44][..]));
        assert_eq!((app.home.as_deref(), app.name.as_deref()), (Some("/home/app"), Some("app")));
        assert_eq!(user("1000"), app);
        assert_eq!(user("app:video").groups, [0_u32; 0]);
        assert_eq!((user("app:video").gid, user("app:5").gid), (44, 5));
        assert_eq!((user("").uid, user("").gid, user("").groups), (0, 0, vec![10]));
        assert_eq!(user("").home.as_deref(), Some("/root"));
        let stranger = user("4242");
        assert_eq!((stranger.uid, stranger.gid, stranger.home), (4242, 0, None));
        assert_eq!(user("bare").home, None);
        assert_eq!(lookup_user("", None, None).unwrap().uid, 0);
    }
}
