//! Aurora clusters: none can be made here, so none is there.

use wire::Error;
use wire::rds as api;

use crate::{Context, Region};

pub(super) fn describe_db_clusters(
    _: &Region,
    _: &Context,
    input: api::DescribeDBClustersMessage,
) -> Result<api::DBClusterMessage, Error> {
    if let Some(name) = input.db_cluster_identifier {
        return Err(wire::rds::error::db_cluster_not_found_fault(format!(
            "DBCluster {name} not found."
        )));
    }
    Ok(api::DBClusterMessage {
        db_clusters: Some(Vec::new()),
        marker: None,
    })
}

pub(super) fn describe_global_clusters(
    _: &Region,
    _: &Context,
    input: api::DescribeGlobalClustersMessage,
) -> Result<api::GlobalClustersMessage, Error> {
    if let Some(name) = input.global_cluster_identifier {
        return Err(wire::rds::error::global_cluster_not_found_fault(format!(
            "Global cluster {name} not found."
        )));
    }
    Ok(api::GlobalClustersMessage {
        global_clusters: Some(Vec::new()),
        marker: None,
    })
}
