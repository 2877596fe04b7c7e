//! `links import` and `links export`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::config::Config;
use crate::database::Database;
use crate::links::Store;
use crate::migrations;
use crate::transfer::{Export, Format, Import};

const PIECE: usize = 64 * 1024;

#[derive(Args)]
pub(super) struct ImportArguments {
    /// The file; standard input when it is not given.
    file: Option<PathBuf>,
    /// csv or jsonl.
    #[arg(long, default_value = "csv")]
    format: Format,
}

#[derive(Args)]
pub(super) struct ExportArguments {
    /// The file; standard output when it is not given. Nothing is left there unless the export is whole.
    file: Option<PathBuf>,
    /// csv or jsonl.
    #[arg(long, default_value = "csv")]
    format: Format,
}

pub(super) async fn import(arguments: &ImportArguments, config: Config) -> anyhow::Result<()> {
    let own = config.server.public_url.as_ref().and_then(|url| {
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    });
    let database = Arc::new(Database::new(config.database));
    migrations::run(&database).await?;
    let store = Store::new(Arc::clone(&database));
    let import = Import {
        store: &store,
        routes: None,
        own_host: own.as_deref(),
    };
    let source: Box<dyn AsyncRead + Unpin> = match &arguments.file {
        Some(path) => Box::new(
            tokio::fs::File::open(path)
                .await
                .with_context(|| format!("open {}", path.display()))?,
        ),
        None => Box::new(tokio::io::stdin()),
    };
    let summary = import
        .run(arguments.format, Box::pin(pieces(source)))
        .await
        .context("import")?;
    database.close().await;
    println!(
        "created {}, skipped {} (name taken), failed {}",
        summary.created, summary.skipped, summary.failed
    );
    for failure in &summary.failures {
        eprintln!("line {}: {}", failure.line, failure.detail);
    }
    if let Some(stopped) = summary.stopped {
        bail!("stopped at line {}: {}", stopped.line, stopped.detail);
    }
    if summary.failed > 0 {
        bail!("{} records are not valid", summary.failed);
    }
    Ok(())
}

pub(super) async fn export(arguments: &ExportArguments, config: Config) -> anyhow::Result<()> {
    let database = Arc::new(Database::new(config.database));
    migrations::run(&database).await?;
    let mut export = Export::new(Store::new(Arc::clone(&database)), arguments.format);
    if let Some(path) = &arguments.file {
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let written = async {
            let mut file = tokio::fs::File::create(&partial).await?;
            while let Some(part) = export.next().await? {
                file.write_all(&part).await?;
            }
            file.sync_all().await?;
            tokio::fs::rename(&partial, path).await?;
            anyhow::Ok(())
        };
        if let Err(error) = written.await {
            // Best effort: the error that matters is the first.
            let _ = tokio::fs::remove_file(&partial).await;
            return Err(error.context(format!("export to {}", path.display())));
        }
    } else {
        let mut output = tokio::io::stdout();
        while let Some(part) = export.next().await.context("export")? {
            output.write_all(&part).await.context("write")?;
        }
        output.flush().await.context("write")?;
    }
    database.close().await;
    Ok(())
}

fn pieces(source: impl AsyncRead + Unpin) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> {
    stream::try_unfold(source, async |mut source| {
        let mut piece = vec![0; PIECE];
        let read = source.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then_some((piece, source)))
    })
}
