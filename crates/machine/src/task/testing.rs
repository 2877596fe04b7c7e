//! What the tests of this folder share.

use world::task::{Container, Image};

/// An essential container of which nothing special is asked.
pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        runtime_id: format!("0123456789abcdef0123456789abcdef-{name}"),
        image: Image {
            reference: "example/app:1".into(),
            manifest_digest: String::new(),
            config_digest: String::new(),
            layers: Vec::new(),
        },
        entry_point: None,
        command: None,
        environment: std::collections::BTreeMap::new(),
        files: std::collections::BTreeMap::new(),
        working_directory: None,
        user: None,
        readonly_root_filesystem: false,
        essential: true,
        memory_mib: None,
        cpu_units: None,
        ulimits: Vec::new(),
        add_capabilities: Vec::new(),
        drop_capabilities: Vec::new(),
        init_process: false,
        health_check: None,
        depends_on: Vec::new(),
        stop_timeout: 30,
        log: None,
    }
}
