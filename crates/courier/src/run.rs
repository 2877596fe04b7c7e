//! Takes what is due, a bounded number at once, and reports how it went.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use engine::Engine;
use region::Caller;
use region::services::sns::delivery::{self, Body, Id, Lane, Next, Outcome, Parcel, To};
use tokio::task::JoinSet;

use crate::Courier;
use crate::mail::Letter;
use crate::server::Post;

/// Deliveries under way at once, in each lane.
const MOST: usize = 16;

/// Delivers for ever. Mail does not wait for servers that hang, nor they for it.
pub async fn run(engine: Arc<Engine>, courier: Courier) {
    let courier = Arc::new(courier);
    tokio::join!(
        lane(&engine, &courier, Lane::Mail),
        lane(&engine, &courier, Lane::Servers)
    );
}

async fn lane(engine: &Arc<Engine>, courier: &Arc<Courier>, lane: Lane) {
    let mut changed = engine.changes();
    let mut under_way: JoinSet<()> = JoinSet::new();
    let mut ids: HashMap<tokio::task::Id, Id> = HashMap::new();
    loop {
        changed.mark_unchanged();
        let busy: BTreeSet<&Id> = ids.values().collect();
        let is_busy = |id: &Id| busy.contains(id);
        let (parcels, next) = engine.read(|region, context| {
            let room = MOST - busy.len();
            let due = delivery::due(region, context.now, lane, room, is_busy);
            let next = delivery::next_due(region, context.now, lane);
            (due, next)
        });
        for parcel in parcels {
            let id = parcel.id.clone();
            let (engine, courier) = (Arc::clone(engine), Arc::clone(courier));
            let task = under_way.spawn(async move { deliver(&engine, &courier, parcel).await });
            ids.insert(task.id(), id);
        }
        let room = ids.len() < MOST;
        let until_next = async {
            match next {
                Some(at) if room => engine.clock().sleep_until(at).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = under_way.join_next_with_id(), if !under_way.is_empty() => {
                let task = match done {
                    Ok((task, ())) => task,
                    Err(error) => {
                        tracing::error!(%error, "a delivery met a defect; it is tried again");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        error.id()
                    }
                };
                ids.remove(&task);
            }
            changed = changed.changed(), if room => {
                // The engine is gone, and with it what there was to do.
                if changed.is_err() {
                    return;
                }
            }
            () = until_next => {}
        }
    }
}

async fn deliver(engine: &Arc<Engine>, courier: &Courier, parcel: Parcel) {
    let (outcome, why) = attempt(courier, &parcel).await;
    let id = parcel.id.clone();
    let told = Arc::clone(engine);
    let reported = tokio::task::spawn_blocking(move || {
        let caller = Caller::Service {
            principal: "sns.amazonaws.com",
        };
        told.write(caller, |region, context| {
            delivery::report(region, context, &id, outcome)
        })
    })
    .await;
    let to = match &parcel.to {
        To::Mailbox { address, .. } => address,
        To::Server { url, .. } => url,
    };
    match reported {
        Ok(Ok(Next::Done)) => {
            tracing::debug!(to, topic = parcel.topic_arn, "a message was delivered");
        }
        Ok(Ok(Next::Again(at))) => {
            tracing::info!(to, topic = parcel.topic_arn, why, %at, "a message could not be delivered; it is tried again");
        }
        Ok(Ok(Next::GivenUp)) => {
            tracing::warn!(
                to,
                topic = parcel.topic_arn,
                why,
                "a message could not be delivered and was given up"
            );
        }
        // The region was emptied meanwhile.
        Ok(Err(error)) if error.code == "NotFound" => {}
        Ok(Err(error)) => {
            tracing::error!(%error, "what became of a message could not be kept; it is sent again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(error) => {
            tracing::error!(%error, "what became of a message could not be kept; it is sent again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn attempt(courier: &Courier, parcel: &Parcel) -> (Outcome, String) {
    let body = match &parcel.to {
        To::Mailbox { body, .. } | To::Server { body, .. } => body,
    };
    let text = match body {
        Body::Text(text) => text.clone(),
        Body::Document(document) => match courier.signer.sign(document).await {
            Ok(text) => text,
            Err(why) => return (Outcome::Failed, why),
        },
    };
    match &parcel.to {
        To::Mailbox {
            address,
            sender,
            subject,
            ..
        } => {
            let letter = Letter {
                id: &format!("{}_{}", parcel.id.0, parcel.id.1),
                at: moment(parcel.at),
                sender,
                address,
                subject,
                text,
            };
            courier.post.send(letter).await
        }
        To::Server {
            url,
            kind,
            content_type,
            raw,
            ..
        } => {
            let post = Post {
                url,
                kind,
                content_type,
                raw: *raw,
                message_id: &parcel.id.0,
                topic_arn: &parcel.topic_arn,
                subscription_arn: &parcel.subscription_arn,
                body: text,
            };
            courier.client.post(post).await
        }
    }
}

/// As the operating system counts it; nothing was published before that began.
fn moment(at: jiff::Timestamp) -> SystemTime {
    let since = Duration::try_from(at.as_duration()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + since
}
