#![doc = include_str!("../ARCHITECTURE.md")]

pub mod app;
pub mod auth;
pub mod cache;
mod chart;
pub mod cli;
pub mod config;
mod demo;
mod egress;
pub mod engines;
mod exchange;
pub mod fault;
pub mod hub;
mod import;
pub mod learning;
pub mod ledger;
pub mod openai;
mod rehearsal;
pub mod reload;
pub mod replay;
pub mod report;
pub mod server;
pub mod snapshot;
pub mod telemetry;
pub mod upstream;
