using OptimSharp.Engine;

namespace OptimSharp;

// What LBFGS remembers from step to step.
sealed unsafe partial class LBFGSStep<T>
{
    /// <summary>Forgets the oldest vector. It may still be the state's, until the step has succeeded.</summary>
    void Drop(ParameterState state, string key, List<HostTensor> vectors)
    {
        if (state.FindList(key)?.Contains(vectors[0]) != true)
            spare.Add(vectors[0]);
        vectors.RemoveAt(0);
    }

    (double T, double H, long Iterations) Load(ParameterState state)
    {
        state.TryGetScalar("n_iter", out double iterations);
        if (state.Find("d") is not { } direction || state.Find("prev_flat_grad") is not { } gradient || direction.Numbers != n || gradient.Numbers != n)
            return (0, 1, 0); // nothing to go on with: begin anew
        direction.Read(d);
        gradient.Read(previous);
        foreach (var (key, to) in new[] { ("old_dirs", ys), ("old_stps", ss) })
        {
            foreach (var tensor in state.FindList(key) ?? [])
            {
                if (tensor is HostTensor host && host.Type == Storage.Of<T>())
                {
                    to.Add(host);
                    continue;
                }
                var copy = Vector();
                tensor.Read(At(copy));
                to.Add(copy);
            }
        }
        foreach (var rho in state.FindList("ro") ?? [])
        {
            double value;
            rho.Read(&value);
            rhos.Add(value);
        }
        return (state.Scalar("t"), state.Scalar("H_diag"), (long)iterations);
    }

    void Save(ParameterState state, double t, double h, double lastLoss)
    {
        Keep("d", d);
        Keep("prev_flat_grad", previous);
        state.Set("t", t);
        state.Set("H_diag", h);
        state.Set("prev_loss", lastLoss);
        Replace("old_dirs", ys);
        Replace("old_stps", ss);
        var list = state.FindList("ro") ?? state.AddList("ro");
        while (list.Count > rhos.Count)
        {
            list[^1].Dispose();
            list.RemoveAt(list.Count - 1);
        }
        while (list.Count < rhos.Count)
            list.Add(new HostTensor([], ElementType.Float64));
        for (int i = 0; i < rhos.Count; i++)
            list[i].Fill(rhos[i]);

        void Keep(string key, T* values)
        {
            if (state.Find(key) is { } old && (old is not HostTensor || old.Numbers != n || old.Type != Storage.Of<T>()))
                state.Remove(key);
            if (state.Find(key) is not { } tensor)
                state.Add(key, tensor = new HostTensor([n], Storage.Of<T>()));
            tensor.Write(values);
        }

        void Replace(string key, List<HostTensor> vectors)
        {
            var list = state.FindList(key) ?? state.AddList(key);
            foreach (var old in list)
            {
                if (old is HostTensor host && vectors.Contains(host))
                    continue;
                if (old is HostTensor { Type: var type } free && type == Storage.Of<T>() && old.Numbers == n)
                    spare.Add(free);
                else
                    old.Dispose();
            }
            list.Clear();
            list.AddRange(vectors);
        }
    }

    void SaveCounts(ParameterState state, long total)
    {
        state.TryGetScalar("func_evals", out double before);
        state.Set("func_evals", before + evaluations);
        state.Set("n_iter", total);
    }

    /// <summary>Takes back what a step that failed had made.</summary>
    void Forget(ParameterState state)
    {
        foreach (var (key, made) in new[] { ("old_dirs", ys), ("old_stps", ss) })
            spare.AddRange(made.Where(vector => state.FindList(key)?.Contains(vector) != true));
    }
}
