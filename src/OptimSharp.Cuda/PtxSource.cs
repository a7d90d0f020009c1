namespace OptimSharp.Cuda;
