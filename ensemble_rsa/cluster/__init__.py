"""Work on the machines of a Dask cluster; Dask is imported only when a cluster is opened."""
