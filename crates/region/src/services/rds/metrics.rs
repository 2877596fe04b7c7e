//! What databases use, told to CloudWatch once a minute.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html>

use jiff::Timestamp;
use wire::cloudwatch::StandardUnit as Unit;
use world::DatabaseId;
use world::measure::DatabaseUsage;

use super::class;
use super::state::Instance;
use crate::services::cloudwatch::metric::{self, Measured, Sample};
use crate::{Context, Region};

const GIBIBYTE: f64 = 1_073_741_824.0;

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes and counts of one machine"
)]
fn number(count: u64) -> f64 {
    count as f64
}

pub(super) fn observe(
    region: &mut Region,
    context: &Context,
    at: Timestamp,
    database: &DatabaseId,
    usage: &DatabaseUsage,
) {
    let Some(row) = region.rds.instances.get(database.as_str()) else {
        return;
    };
    let name = row.name.clone();
    for (metric, unit, value) in values(row, usage) {
        let sample = Sample {
            namespace: "AWS/RDS".to_owned(),
            name: metric.to_owned(),
            dimensions: vec![("DBInstanceIdentifier".to_owned(), name.clone())],
            unit,
            at,
            high_resolution: false,
            measured: Measured::Value(value),
        };
        metric::record(region, context, &sample);
    }
}

fn values(row: &Instance, usage: &DatabaseUsage) -> Vec<(&'static str, Unit, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "gibibytes")]
    let storage = row.settings.allocated_storage as f64 * GIBIBYTE;
    let mut all = vec![
        (
            "DatabaseConnections",
            Unit::Count,
            number(usage.connections),
        ),
        (
            "FreeStorageSpace",
            Unit::Bytes,
            (storage - number(usage.storage_bytes)).max(0.0),
        ),
        (
            "TransactionLogsDiskUsage",
            Unit::Bytes,
            number(usage.transaction_log_bytes),
        ),
        (
            "MaximumUsedTransactionIDs",
            Unit::Count,
            number(usage.transaction_ids),
        ),
        ("SwapUsage", Unit::Bytes, 0.0),
    ];
    if let Some(class) = class::find(&row.settings.class) {
        let memory = f64::from(class.memory_mib) * 1_048_576.0;
        let free = (memory - number(usage.usage.memory_bytes)).max(0.0);
        all.push(("FreeableMemory", Unit::Bytes, free));
        if let Some(units) = usage.usage.cpu_units {
            let percent = units / f64::from(class.virtual_cpus * 1024) * 100.0;
            all.push(("CPUUtilization", Unit::Percent, percent.clamp(0.0, 100.0)));
        }
    }
    if let Some(rates) = usage.rates {
        all.extend([
            ("ReadIOPS", Unit::CountSecond, rates.reads),
            ("WriteIOPS", Unit::CountSecond, rates.writes),
            ("ReadThroughput", Unit::BytesSecond, rates.read_bytes),
            ("WriteThroughput", Unit::BytesSecond, rates.write_bytes),
        ]);
    }
    if let Some(lag) = usage.replica_lag {
        all.push(("ReplicaLag", Unit::Seconds, lag));
    }
    all
}
