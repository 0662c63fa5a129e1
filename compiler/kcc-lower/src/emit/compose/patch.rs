//! Writes the patch of a container as fields of compose, which has an equivalent for
//! every patch field.

use super::{entry, escape};
use crate::docker::{DeviceRequest, HostPatch, LogConfig, Patch, Ulimit};
use crate::emit::Yaml;

/// Returns the service fields of a patch.
pub(super) fn fields(patch: &Patch) -> Vec<(String, Yaml)> {
    let none = HostPatch::default();
    let host = patch.host_config.as_ref().unwrap_or(&none);
    let weight = host.blkio_weight.map(|weight| {
        let weight = Yaml::Integer(weight.into());
        Yaml::Map(vec![entry("weight", weight)])
    });
    let fields = [
        ("hostname", text(patch.hostname.as_ref())),
        ("domainname", text(patch.domainname.as_ref())),
        ("tty", patch.tty.map(Yaml::Bool)),
        ("stdin_open", patch.open_stdin.map(Yaml::Bool)),
        ("stop_signal", text(patch.stop_signal.as_ref())),
        ("blkio_config", weight),
        ("cpuset", text(host.cpuset_cpus.as_ref())),
        ("dns", texts(host.dns.as_ref())),
        ("dns_opt", texts(host.dns_options.as_ref())),
        ("dns_search", texts(host.dns_search.as_ref())),
        ("extra_hosts", texts(host.extra_hosts.as_ref())),
        ("group_add", texts(host.group_add.as_ref())),
        ("init", host.init.map(Yaml::Bool)),
        ("ipc", text(host.ipc_mode.as_ref())),
        ("logging", host.log_config.as_ref().map(logging)),
        ("mem_reservation", host.memory_reservation.map(integer)),
        ("oom_score_adj", host.oom_score_adj.map(integer)),
        ("pids_limit", host.pids_limit.map(integer)),
        ("runtime", text(host.runtime.as_ref())),
        ("shm_size", host.shm_size.map(integer)),
        ("storage_opt", host.storage_opt.as_ref().map(text_map)),
        ("sysctls", host.sysctls.as_ref().map(text_map)),
        ("ulimits", host.ulimits.as_deref().map(ulimits)),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some(entry(name, value?)))
        .collect()
}

/// Returns the reserved resources of a patch, as a part of `deploy`.
pub(super) fn reserved(patch: &Patch) -> Option<(String, Yaml)> {
    let requests = patch.host_config.as_ref()?.device_requests.as_ref()?;
    Some(reservation(requests))
}

fn reservation(requests: &[DeviceRequest]) -> (String, Yaml) {
    let devices = Yaml::List(requests.iter().map(device).collect());
    let reservations = Yaml::Map(vec![entry("devices", devices)]);
    let resources = Yaml::Map(vec![entry("reservations", reservations)]);
    entry("resources", resources)
}

fn device(request: &DeviceRequest) -> Yaml {
    let mut fields = Vec::new();
    if let Some(driver) = &request.driver {
        fields.push(entry("driver", Yaml::text(escape(driver))));
    }
    match request.count {
        // Docker's value for all devices.
        Some(-1) => fields.push(entry("count", Yaml::text("all"))),
        Some(count) => fields.push(entry("count", integer(count))),
        None => {}
    }
    let ids = texts(request.device_ids.as_ref());
    fields.extend(ids.map(|ids| entry("device_ids", ids)));
    let capabilities = request.capabilities.iter().flatten();
    let capabilities = Yaml::texts(capabilities.map(|name| escape(name)));
    fields.push(entry("capabilities", capabilities));
    Yaml::Map(fields)
}

/// Returns the resources that reserve a number of GPUs.
pub(super) fn gpus(count: u32) -> (String, Yaml) {
    reservation(&[DeviceRequest {
        driver: None,
        count: Some(count.into()),
        device_ids: None,
        capabilities: vec![vec!["gpu".to_owned()]],
    }])
}

fn logging(log: &LogConfig) -> Yaml {
    let mut fields = vec![entry("driver", Yaml::text(escape(&log.driver)))];
    if !log.config.is_empty() {
        fields.push(entry("options", text_map(&log.config)));
    }
    Yaml::Map(fields)
}

fn ulimits(limits: &[Ulimit]) -> Yaml {
    let limits = limits.iter().map(|limit| {
        let (soft, hard) = (integer(limit.soft), integer(limit.hard));
        let limits = Yaml::Map(vec![entry("soft", soft), entry("hard", hard)]);
        entry(&limit.name, limits)
    });
    Yaml::Map(limits.collect())
}

fn integer(number: impl Into<i128>) -> Yaml {
    Yaml::Integer(number.into())
}

fn text(text: Option<&String>) -> Option<Yaml> {
    text.map(|text| Yaml::text(escape(text)))
}

fn texts(texts: Option<&Vec<String>>) -> Option<Yaml> {
    texts.map(|texts| Yaml::texts(texts.iter().map(|text| escape(text))))
}

fn text_map(texts: &std::collections::BTreeMap<String, String>) -> Yaml {
    Yaml::text_map(
        texts
            .iter()
            .map(|(name, text)| (name.clone(), escape(text))),
    )
}
