//! CloudWatch Logs: groups, streams and what hangs on them. Events are bulk: whoever drives the
//! region keeps them, answers `PutLogEvents`, `GetLogEvents` and `FilterLogEvents` itself, and
//! tells [`stream::touch`].

mod common;
mod error;
pub mod group;
mod metric_filter;
mod resource_policy;
mod state;
pub mod stream;
#[cfg(test)]
mod tests;

pub use error::{no_group, no_stream};
pub use state::State;

use crate::Service;

crate::operations! { wire::logs::op;
    write AssociateKmsKey => group::associate_kms_key,
    write CreateLogGroup => group::create_log_group,
    write CreateLogStream => stream::create_log_stream,
    write DeleteLogGroup => group::delete_log_group,
    write DeleteLogStream => stream::delete_log_stream,
    write DeleteMetricFilter => metric_filter::delete_metric_filter,
    write DeleteResourcePolicy => resource_policy::delete_resource_policy,
    write DeleteRetentionPolicy => group::delete_retention_policy,
    read DescribeLogGroups => group::describe_log_groups,
    read DescribeLogStreams => stream::describe_log_streams,
    read DescribeMetricFilters => metric_filter::describe_metric_filters,
    read DescribeResourcePolicies => resource_policy::describe_resource_policies,
    write DisassociateKmsKey => group::disassociate_kms_key,
    read ListLogGroups => group::list_log_groups,
    read ListTagsForResource => group::list_tags_for_resource,
    read ListTagsLogGroup => group::list_tags_log_group,
    write PutLogGroupDeletionProtection => group::put_log_group_deletion_protection,
    write PutMetricFilter => metric_filter::put_metric_filter,
    write PutResourcePolicy => resource_policy::put_resource_policy,
    write PutRetentionPolicy => group::put_retention_policy,
    write TagLogGroup => group::tag_log_group,
    write TagResource => group::tag_resource,
    write UntagLogGroup => group::untag_log_group,
    write UntagResource => group::untag_resource,
}

pub(crate) const SERVICE: Service = Service::new("logs", handler);
