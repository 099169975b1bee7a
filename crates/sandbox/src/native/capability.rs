//! Capabilities as the kernel's bit masks.

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities};

use super::plan::CapabilityMasks;

/// In the order of the kernel's numbers.
pub const ALL: [Capability; 41] = {
    use Capability::*;
    [
        Chown,
        DacOverride,
        DacReadSearch,
        Fowner,
        Fsetid,
        Kill,
        Setgid,
        Setuid,
        Setpcap,
        LinuxImmutable,
        NetBindService,
        NetBroadcast,
        NetAdmin,
        NetRaw,
        IpcLock,
        IpcOwner,
        SysModule,
        SysRawio,
        SysChroot,
        SysPtrace,
        SysPacct,
        SysAdmin,
        SysBoot,
        SysNice,
        SysResource,
        SysTime,
        SysTtyConfig,
        Mknod,
        Lease,
        AuditWrite,
        AuditControl,
        Setfcap,
        MacOverride,
        MacAdmin,
        Syslog,
        WakeAlarm,
        BlockSuspend,
        AuditRead,
        Perfmon,
        Bpf,
        CheckpointRestore,
    ]
};

/// The mask of a set.
pub fn mask(set: &Capabilities) -> u64 {
    ALL.iter().enumerate().filter(|(_, one)| set.contains(one)).map(|(bit, _)| 1 << bit).sum()
}

/// The masks of the spec's sets, limited to what the engine itself has; the engine cannot give more.
pub fn masks(capabilities: Option<&LinuxCapabilities>, available: u64) -> CapabilityMasks {
    let Some(sets) = capabilities else { return CapabilityMasks::default() };
    let of = |set: &Option<Capabilities>| set.as_ref().map_or(0, mask) & available;
    CapabilityMasks {
        bounding: of(sets.bounding()),
        effective: of(sets.effective()) & of(sets.permitted()),
        permitted: of(sets.permitted()),
        inheritable: of(sets.inheritable()),
        ambient: of(sets.ambient()) & of(sets.permitted()) & of(sets.inheritable()),
    }
}

/// The spec's sets without what the engine lacks: OCI runtimes refuse what they cannot give.
pub fn limited(mut sets: LinuxCapabilities, available: u64) -> LinuxCapabilities {
    let limit = |set: &Option<Capabilities>| {
        let set = set.as_ref()?;
        let kept = ALL.iter().enumerate().filter(|(bit, one)| available >> bit & 1 == 1 && set.contains(one));
        Some(kept.map(|(_, one)| *one).collect::<Capabilities>())
    };
    let (bounding, effective, permitted) =
        (limit(sets.bounding()), limit(sets.effective()), limit(sets.permitted()));
    let (inheritable, ambient) = (limit(sets.inheritable()), limit(sets.ambient()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    sets.set_inheritable(inheritable).set_ambient(ambient);
    sets
}

/// What the calling thread may use.
pub fn own() -> u64 {
    let header: [u32; 2] = [0x2008_0522, 0];
    let mut data = [0_u32; 6];
    // SAFETY: version 3 of the call: a header of two words, data of six.
    let result = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) };
    if result == 0 { u64::from(data[1]) | u64::from(data[4]) << 32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernel() {
        for (capability, number) in [
            (Capability::Chown, 0),
            (Capability::NetRaw, 13),
            (Capability::SysAdmin, 21),
            (Capability::Setfcap, 31),
            (Capability::CheckpointRestore, 40),
        ] {
            assert_eq!(mask(&[capability].into_iter().collect()), 1 << number, "{capability}");
        }
    }

    #[test]
    fn nothing_is_given_that_the_engine_lacks() {
        let all: Capabilities = ALL.into_iter().collect();
        let mut sets = LinuxCapabilities::default();
        sets.set_bounding(Some(all.clone())).set_permitted(Some(all.clone())).set_effective(Some(all));
        let masks = masks(Some(&sets), 0b101);
        assert_eq!((masks.bounding, masks.permitted, masks.effective), (0b101, 0b101, 0b101));
        let limited = limited(sets, 0b101);
        assert_eq!(limited.bounding().as_ref().map(mask), Some(0b101));
        assert_eq!(limited.effective().as_ref().map(mask), Some(0b101));
    }
}
