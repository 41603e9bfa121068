//! PostgreSQL's own mechanics. Where the tests run on another engine, each of these ends before it has begun.

mod agreement;
mod analysing;
mod catalogue;
mod checking;
mod contact_plans;
mod contention;
mod gates;
mod list_plans;
mod memory_plans;
mod opening;
mod operator_plans;
mod plans;
mod proxy;
mod replica;
mod reruns;
mod shares;
mod statistics;
mod together;
mod walls;
