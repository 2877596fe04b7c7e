//! Deleting objects, one or many at once.

use region::services::s3;
use s3s::dto::*;
use s3s::{S3Response, s3_error};

use crate::s3::{Answer, Store};

impl Store {
    pub(in crate::s3) async fn delete_object(
        &self,
        input: DeleteObjectInput,
    ) -> Answer<DeleteObjectOutput> {
        let deleted = self
            .write(move |region, context| {
                s3::delete_object(
                    region,
                    context,
                    &input.bucket,
                    &input.key,
                    input.version_id.as_deref(),
                )
            })
            .await?;
        self.files.forget(deleted.orphans).await;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: deleted.delete_marker.then_some(true),
            version_id: deleted.version_id,
            ..Default::default()
        }))
    }

    pub(in crate::s3) async fn delete_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> Answer<DeleteObjectsOutput> {
        if input.delete.objects.is_empty() || input.delete.objects.len() > s3::list::MOST {
            return Err(s3_error!(MalformedXML));
        }
        let quiet = input.delete.quiet == Some(true);
        let bucket = input.bucket;
        let objects = input.delete.objects;
        let (deleted, orphans) = self
            .write(move |region, context| {
                let mut deleted = Vec::new();
                let mut orphans = Vec::new();
                for object in objects {
                    let done = s3::delete_object(
                        region,
                        context,
                        &bucket,
                        &object.key,
                        object.version_id.as_deref(),
                    )?;
                    orphans.extend(done.orphans);
                    deleted.push(DeletedObject {
                        delete_marker: done.delete_marker.then_some(true),
                        delete_marker_version_id: done
                            .delete_marker
                            .then(|| done.version_id.clone())
                            .flatten(),
                        key: Some(object.key),
                        version_id: object.version_id,
                    });
                }
                Ok((deleted, orphans))
            })
            .await?;
        self.files.forget(orphans).await;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            ..Default::default()
        }))
    }
}
