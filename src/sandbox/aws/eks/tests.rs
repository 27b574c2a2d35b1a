//! Clusters, their parts and EKS's refusals, through the real client.
